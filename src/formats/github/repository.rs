//! The repository of an alert: where it is hosted, and what names it.
//!
//! Repositories are renamed and transferred, and another one can take the old name. Only the
//! host and the id stay, so they name the repository wherever the id is given.

use crate::formats::Rejection;
use crate::formats::field::{invalid, missing};
use crate::formats::value::{Scalar, object};

object! {
    Repository {
        id: Scalar<'a> = "id",
        full_name: Scalar<'a> = "full_name",
        html_url: Scalar<'a> = "html_url",
        url: Scalar<'a> = "url",
    }
}

/// The host of everything that says nothing else.
const PUBLIC_HOST: &str = "github.com";

/// `github:` and what names the repository: host and id, or its name where no id is given. A
/// name on another host than github.com comes with the host. `addresses` are those of the alert.
pub(super) fn name(
    repository: &Repository<'_>,
    addresses: [&Scalar<'_>; 2],
) -> Result<String, Rejection> {
    let [alert_page, alert_api] = addresses;
    let all = [&repository.html_url, alert_page, &repository.url, alert_api];
    let text = |scalar: &Scalar<'_>| match scalar {
        Scalar::Text(text) => Some(text.clone().into_owned()),
        _ => None,
    };
    let host = all.iter().find_map(|address| host(&text(address)?));
    let host = host.unwrap_or_else(|| PUBLIC_HOST.to_owned());
    if let Some(id) = id(&repository.id)? {
        return Ok(format!("github:{host}/{id}"));
    }
    let api = text(alert_api).unwrap_or_default();
    if let Some(id) = id_in(&api) {
        return Ok(format!("github:{host}/{id}"));
    }
    let name = match repository.full_name.clone().unbounded_text("repository.full_name")? {
        Some(name) => name.into_owned(),
        None => match repository_in(&api) {
            Some(name) => name.to_owned(),
            None => return Err(missing("repository.full_name")),
        },
    };
    match host == PUBLIC_HOST {
        true => Ok(format!("github:{name}")),
        false => Ok(format!("github:{host}/{name}")),
    }
}

fn id(value: &Scalar<'_>) -> Result<Option<u64>, Rejection> {
    match value {
        Scalar::Absent | Scalar::Null => Ok(None),
        value => match value.whole() {
            Some(id) => Ok(Some(id)),
            None => Err(invalid("repository.id", "a whole number from 0 up")),
        },
    }
}

/// The host of a page or of the API, in lower case: `api.github.com` is github.com, and so for
/// the hosts of GitHub Enterprise Cloud. Servers of one's own have the API below `/api/v3`.
fn host(address: &str) -> Option<String> {
    let (_, rest) = address.split_once("://")?;
    let host = rest.split(['/', '?', '#']).next()?.rsplit('@').next()?.to_ascii_lowercase();
    let host = match host.strip_prefix("api.") {
        Some(cloud) if cloud == PUBLIC_HOST || cloud.ends_with(".ghe.com") => cloud.to_owned(),
        _ => host,
    };
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b':');
    (!host.is_empty() && host.len() <= 253 && host.bytes().all(plain)).then_some(host)
}

/// `owner/name` in an alert's API address, for lists that leave it out.
fn repository_in(address: &str) -> Option<&str> {
    let (_, path) = address.split_once("/repos/")?;
    let (name, _) = path.split_once("/secret-scanning/")?;
    let (owner, repository) = name.split_once('/')?;
    (!owner.is_empty() && !repository.is_empty() && !repository.contains('/')).then_some(name)
}

/// The id of the repository in an API address of the form that pages of a list link to.
fn id_in(address: &str) -> Option<u64> {
    let (_, path) = address.split_once("/repositories/")?;
    path.split_once("/secret-scanning/")?.0.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_the_repository_in_an_alert_address() {
        let api = "https://api.github.com/repos/example-org/payments/secret-scanning/alerts/2";
        assert_eq!(repository_in(api), Some("example-org/payments"));
        assert_eq!(repository_in("https://api.github.com/repos/x/secret-scanning/alerts/2"), None);
        assert_eq!(repository_in("https://example.org/"), None);
        let by_id = "https://api.github.com/repositories/9/secret-scanning/alerts/2";
        assert_eq!(id_in(by_id), Some(9));
        assert_eq!(id_in(api), None);
    }

    #[test]
    fn hosts_of_pages_and_of_the_api_are_one() {
        for (address, expected) in [
            ("https://github.com/o/r", Some("github.com")),
            ("https://api.github.com/repos/o/r", Some("github.com")),
            ("https://api.octo.ghe.com/repos/o/r", Some("octo.ghe.com")),
            (
                "https://user:word@GHE.example.org:8443/api/v3/repos/o/r",
                Some("ghe.example.org:8443"),
            ),
            ("https://api.example.org", Some("api.example.org")),
            ("https:///x", None),
            ("https://é.example/x", None),
            ("no address", None),
        ] {
            assert_eq!(host(address).as_deref(), expected, "{address}");
        }
    }

    #[test]
    fn the_id_stays_when_the_name_changes() {
        let named = |id: Scalar<'static>, name: &'static str, page: &'static str| {
            let text = |text: &'static str| Scalar::Text(text.into());
            let repository = Repository {
                id,
                full_name: text(name),
                html_url: text(page),
                ..Repository::default()
            };
            name_of(&repository)
        };
        fn name_of(repository: &Repository<'_>) -> String {
            name(repository, [&Scalar::Absent, &Scalar::Absent]).unwrap_or_default()
        }
        let page = "https://github.com/o/r";
        assert_eq!(named(Scalar::Unsigned(9), "o/r", page), "github:github.com/9");
        assert_eq!(named(Scalar::Float(9.0), "o/s", page), "github:github.com/9");
        assert_eq!(named(Scalar::Absent, "o/r", page), "github:o/r");
        let server = "https://ghe.example.org/o/r";
        assert_eq!(named(Scalar::Unsigned(9), "o/r", server), "github:ghe.example.org/9");
        assert_eq!(named(Scalar::Absent, "o/r", server), "github:ghe.example.org/o/r");
    }
}
