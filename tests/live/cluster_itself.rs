//! The cluster that the fault harness disturbs: it is what the tests take it for.

use std::time::{Duration, Instant};

use crate::client::{Client, Sent};
use crate::cluster::Cluster;

/// How long something may take on a machine that is busy.
const SOON: Duration = Duration::from_secs(60);

fn sent(from: usize) -> impl Iterator<Item = Sent> {
    (from..from + 40).map(|n| Sent::new(n.to_string(), n.to_string()))
}

#[test]
fn a_cluster_keeps_what_two_have_and_takes_nothing_that_one_alone_has() {
    let mut cluster = Cluster::start(3);
    let client = Client::new(cluster.address());
    client.create("kept", 6, &[]);
    client.write("kept", sent(0));
    cluster.until_in_sync();
    let mut leaders = cluster.leaders("kept");
    leaders.sort_unstable();
    leaders.dedup();
    assert_eq!(leaders, [1, 2, 3], "everybody leads something");

    // One is killed: another leads what it led, and it leads again when it is back.
    cluster.broker(1).kill();
    let began = Instant::now();
    while cluster.leaders("kept").iter().any(|leader| [-1, 2].contains(leader)) {
        assert!(began.elapsed() < SOON, "{:?}", cluster.leaders("kept"));
    }
    client.write("kept", sent(40));
    // Two are away: what one alone has is not acknowledged.
    cluster.broker(2).freeze();
    assert!(!client.is_acknowledged("kept", &Sent::new("80", "80")), "by one alone");
    cluster.broker(2).thaw();
    cluster.broker(1).restart();
    cluster.until_in_sync();
    let began = Instant::now();
    while !cluster.leaders("kept").contains(&2) {
        assert!(began.elapsed() < SOON, "{:?}", cluster.leaders("kept"));
        std::thread::sleep(Duration::from_millis(100));
    }
}

#[test]
fn a_broker_without_room_on_its_disk_ends_and_comes_back_with_what_it_had() {
    let mut cluster = Cluster::start(3);
    if cluster.broker(0).disk().is_none() {
        eprintln!("no disk is filled: mounting one takes root");
        return;
    }
    let client = Client::new(cluster.address());
    client.create("full", 6, &[]);
    client.write("full", sent(0));
    cluster.until_in_sync();
    cluster.broker(0).disk().unwrap().fill();
    let mut from = 40;
    while !cluster.broker(0).ends_within(Duration::from_millis(100)) {
        client.write("full", sent(from));
        from += 40;
        assert!(from < 400_000, "it goes on without room");
    }
    client.write("full", sent(from));
    cluster.broker(0).disk().unwrap().make_room();
    cluster.broker(0).restart();
    cluster.until_in_sync();
    assert_eq!(client.read("full").len(), from + 40);
}
