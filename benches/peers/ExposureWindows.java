import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonGenerator;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonToken;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.time.Instant;
import java.util.Properties;
import java.util.Set;
import org.apache.kafka.common.serialization.Serde;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.common.utils.Bytes;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.StreamsBuilder;
import org.apache.kafka.streams.StreamsConfig;
import org.apache.kafka.streams.kstream.Consumed;
import org.apache.kafka.streams.kstream.Materialized;
import org.apache.kafka.streams.kstream.Produced;
import org.apache.kafka.streams.state.KeyValueStore;

/**
 * Exposure windows as a small job of Kafka Streams, for comparison: reads native events that are
 * keyed by credential, keeps the latest window of each credential in RocksDB with a changelog, and
 * writes a ledger record for each change.
 *
 * <p>It does less than shutterlag: it judges no decision, fires no alert, orders no late event and
 * recognises no repeated one.
 *
 * <p>Arguments: brokers, application id, input topic, ledger topic, directory of the state, commit
 * interval in ms, bytes of the record cache (0: each change is written).
 */
public final class ExposureWindows {
    private static final JsonFactory JSON = new JsonFactory();
    private static final String STORE = "windows";
    private static final long UNKNOWN = 0;

    /** The moments of a window; each is a place in {@link Window#times}. */
    private enum Moment {
        EXPOSED, DETECTED, TRIAGED, TOUCHED, DECIDED, CONTAINED, ABUSED, WITHDRAWN, CLOSED
    }

    private static final Moment[] MOMENTS = Moment.values();

    /** Those kinds of event that change a window. */
    private static final Set<String> USED = Set.of(
            "leak.detected", "case.opened", "triage.completed", "review.opened", "decision.made",
            "credential.contained", "credential.abused", "case.withdrawn");

    private ExposureWindows() {}

    /** What is used of an event. Times are in ms since 1970, and 0 where they are not known. */
    private static final class Event {
        String type = "";
        String workflow = "";
        String severity = "";
        String owner = "";
        String reviewer = "";
        String action = "";
        String actor = "";
        long time = UNKNOWN;
        long exposedAt = UNKNOWN;

        static Event parse(byte[] record) {
            var event = new Event();
            try (JsonParser parser = JSON.createParser(record)) {
                parser.nextToken();
                while (parser.nextToken() == JsonToken.FIELD_NAME) {
                    String name = parser.currentName();
                    parser.nextToken();
                    switch (name) {
                        case "type" -> event.type = parser.getText();
                        case "workflow" -> event.workflow = parser.getText();
                        case "severity" -> event.severity = parser.getText();
                        case "owner" -> event.owner = parser.getText();
                        case "reviewer" -> event.reviewer = parser.getText();
                        case "action" -> event.action = parser.getText();
                        case "actor_kind" -> event.actor = parser.getText();
                        case "time" -> event.time = Instant.parse(parser.getText()).toEpochMilli();
                        case "exposed_at" -> event.exposedAt = Instant.parse(parser.getText()).toEpochMilli();
                        default -> parser.skipChildren();
                    }
                }
            } catch (IOException error) {
                throw new UncheckedIOException(error);
            }
            return event;
        }

        boolean detects() {
            return type.equals("leak.detected") || type.equals("case.opened");
        }
    }

    /** The latest window of a credential. */
    private static final class Window {
        final long[] times = new long[MOMENTS.length];
        String workflow = "";
        String severity = "";
        String owner = "";
        String reviewer = "";
        String action = "";
        int revision;

        long at(Moment moment) {
            return times[moment.ordinal()];
        }

        void set(Moment moment, long time) {
            times[moment.ordinal()] = time;
        }

        /** Only the first of its kind counts. */
        void first(Moment moment, long time) {
            if (at(moment) == UNKNOWN) {
                set(moment, time);
            }
        }

        long start() {
            long exposed = at(Moment.EXPOSED);
            return exposed != UNKNOWN && exposed <= at(Moment.DETECTED) ? exposed : at(Moment.DETECTED);
        }
    }

    /** Adds an event; without a window before it, only a detection makes one. */
    private static Window add(Event event, Window window) {
        if (event.detects() && (window == null || window.at(Moment.CLOSED) != UNKNOWN)) {
            window = new Window();
            window.workflow = event.workflow;
            window.set(Moment.DETECTED, event.time);
            window.set(Moment.EXPOSED, event.exposedAt);
        }
        if (window == null) {
            return null;
        }
        window.revision++;
        window.severity = event.severity.isEmpty() ? window.severity : event.severity;
        window.owner = event.owner.isEmpty() ? window.owner : event.owner;
        switch (event.type) {
            case "triage.completed" -> window.first(Moment.TRIAGED, event.time);
            case "review.opened" -> window.first(Moment.TOUCHED, event.time);
            case "decision.made" -> decide(event, window);
            case "credential.contained" -> window.first(Moment.CONTAINED, event.time);
            case "credential.abused" -> window.first(Moment.ABUSED, event.time);
            case "case.withdrawn" -> {
                window.first(Moment.WITHDRAWN, event.time);
                window.first(Moment.CLOSED, event.time);
            }
            default -> { }
        }
        if (window.at(Moment.DECIDED) != UNKNOWN && window.at(Moment.CONTAINED) != UNKNOWN) {
            window.first(Moment.CLOSED, event.time);
        }
        return window;
    }

    private static void decide(Event event, Window window) {
        if (!event.actor.isEmpty() && !event.actor.equals("human")) {
            return;
        }
        window.first(Moment.TOUCHED, event.time);
        if (event.action.equals("escalate")) {
            return;
        }
        if (window.at(Moment.DECIDED) == UNKNOWN) {
            window.set(Moment.DECIDED, event.time);
            window.reviewer = event.reviewer;
            window.action = event.action;
        }
        if (event.action.equals("dismiss") || event.action.equals("monitor")) {
            window.first(Moment.CLOSED, event.time);
        }
    }

    /** The ledger record: the times and durations of a window, in ms. */
    private static byte[] ledger(String credential, Window window) {
        var bytes = new ByteArrayOutputStream(512);
        try (JsonGenerator json = JSON.createGenerator(bytes)) {
            json.writeStartObject();
            json.writeStringField("credential_id", credential);
            json.writeStringField("workflow", window.workflow);
            json.writeStringField("severity", window.severity);
            json.writeStringField("owner", window.owner);
            json.writeStringField("reviewer", window.reviewer);
            json.writeStringField("action", window.action);
            json.writeNumberField("revision", window.revision);
            time(json, "exposed_at", window.at(Moment.EXPOSED));
            time(json, "detected_at", window.at(Moment.DETECTED));
            time(json, "triaged_at", window.at(Moment.TRIAGED));
            time(json, "touched_at", window.at(Moment.TOUCHED));
            time(json, "decided_at", window.at(Moment.DECIDED));
            time(json, "contained_at", window.at(Moment.CONTAINED));
            time(json, "abused_at", window.at(Moment.ABUSED));
            time(json, "withdrawn_at", window.at(Moment.WITHDRAWN));
            time(json, "closed_at", window.at(Moment.CLOSED));
            length(json, "detection_ms", window.at(Moment.EXPOSED), window.at(Moment.DETECTED));
            length(json, "triage_ms", window.at(Moment.DETECTED), window.at(Moment.TRIAGED));
            length(json, "first_touch_ms", window.start(), window.at(Moment.TOUCHED));
            length(json, "review_ms", window.at(Moment.TRIAGED), window.at(Moment.DECIDED));
            length(json, "time_to_review_ms", window.start(), window.at(Moment.DECIDED));
            length(json, "containment_ms", window.at(Moment.DECIDED), window.at(Moment.CONTAINED));
            length(json, "exposure_ms", window.start(), window.at(Moment.CONTAINED));
            json.writeEndObject();
        } catch (IOException error) {
            throw new UncheckedIOException(error);
        }
        return bytes.toByteArray();
    }

    private static void time(JsonGenerator json, String name, long time) throws IOException {
        if (time == UNKNOWN) {
            json.writeNullField(name);
        } else {
            json.writeStringField(name, Instant.ofEpochMilli(time).toString());
        }
    }

    private static void length(JsonGenerator json, String name, long from, long to) throws IOException {
        if (from == UNKNOWN || to == UNKNOWN || to < from) {
            json.writeNullField(name);
        } else {
            json.writeNumberField(name, to - from);
        }
    }

    /** The state as the store and the changelog hold it. */
    private static Serde<Window> states() {
        return Serdes.serdeFrom((topic, window) -> pack(window), (topic, bytes) -> unpack(bytes));
    }

    private static byte[] pack(Window window) {
        if (window == null) {
            return null;
        }
        var bytes = new ByteArrayOutputStream(192);
        try (var out = new DataOutputStream(bytes)) {
            for (long time : window.times) {
                out.writeLong(time);
            }
            out.writeInt(window.revision);
            out.writeUTF(window.workflow);
            out.writeUTF(window.severity);
            out.writeUTF(window.owner);
            out.writeUTF(window.reviewer);
            out.writeUTF(window.action);
        } catch (IOException error) {
            throw new UncheckedIOException(error);
        }
        return bytes.toByteArray();
    }

    private static Window unpack(byte[] bytes) {
        if (bytes == null) {
            return null;
        }
        var window = new Window();
        try (var in = new DataInputStream(new ByteArrayInputStream(bytes))) {
            for (int place = 0; place < window.times.length; place++) {
                window.times[place] = in.readLong();
            }
            window.revision = in.readInt();
            window.workflow = in.readUTF();
            window.severity = in.readUTF();
            window.owner = in.readUTF();
            window.reviewer = in.readUTF();
            window.action = in.readUTF();
        } catch (IOException error) {
            throw new UncheckedIOException(error);
        }
        return window;
    }

    private static StreamsBuilder topology(String input, String ledger) {
        var builder = new StreamsBuilder();
        builder.stream(input, Consumed.with(Serdes.String(), Serdes.ByteArray()))
                .mapValues(Event::parse)
                .filter((credential, event) -> USED.contains(event.type))
                .groupByKey()
                .aggregate(
                        () -> null,
                        (credential, event, window) -> add(event, window),
                        Materialized.<String, Window, KeyValueStore<Bytes, byte[]>>as(STORE)
                                .withKeySerde(Serdes.String())
                                .withValueSerde(states()))
                .toStream()
                // An event without a detection before it makes no window.
                .filter((credential, window) -> window != null)
                .mapValues(ExposureWindows::ledger)
                .to(ledger, Produced.with(Serdes.String(), Serdes.ByteArray()));
        return builder;
    }

    public static void main(String[] arguments) {
        var settings = new Properties();
        settings.put(StreamsConfig.BOOTSTRAP_SERVERS_CONFIG, arguments[0]);
        settings.put(StreamsConfig.APPLICATION_ID_CONFIG, arguments[1]);
        settings.put(StreamsConfig.STATE_DIR_CONFIG, arguments[4]);
        settings.put(StreamsConfig.COMMIT_INTERVAL_MS_CONFIG, arguments[5]);
        settings.put(StreamsConfig.STATESTORE_CACHE_MAX_BYTES_CONFIG, arguments[6]);
        settings.put(StreamsConfig.PROCESSING_GUARANTEE_CONFIG, StreamsConfig.EXACTLY_ONCE_V2);
        settings.put(StreamsConfig.NUM_STREAM_THREADS_CONFIG, "1");
        // As shutterlag has them.
        settings.put(StreamsConfig.producerPrefix("compression.type"), "lz4");
        settings.put(StreamsConfig.consumerPrefix("session.timeout.ms"), "10000");
        var streams = new KafkaStreams(topology(arguments[2], arguments[3]).build(), settings);
        streams.setStateListener((state, before) -> System.out.println("state: " + state));
        Runtime.getRuntime().addShutdownHook(new Thread(streams::close));
        streams.start();
    }
}
