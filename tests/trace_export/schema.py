"""Reads a Perfetto trace with the official schema and says what is in it, as one JSON object.

Fails where something is not as Perfetto's trace processor wants it: fields it does not know, ends without beginnings, tracks and names
that nobody told of.
"""

import collections
import json
import sys

from perfetto.protos.perfetto.trace import perfetto_trace_pb2 as protos

Event = protos.TrackEvent


def unknown(message, path=""):
    """Fields that the schema does not have."""
    from google.protobuf.unknown_fields import UnknownFieldSet

    for field in UnknownFieldSet(message):
        yield f"{path}.{field.field_number}"
    for descriptor, value in message.ListFields():
        if descriptor.message_type is None:
            continue
        many = isinstance(value, collections.abc.Sequence) or hasattr(value, "__iter__")
        for part in value if many else [value]:
            yield from unknown(part, f"{path}.{descriptor.name}")


def main():
    trace = protos.Trace()
    with open(sys.argv[1], "rb") as file:
        trace.ParseFromString(file.read())
    strict = len(sys.argv) > 2
    tracks, names, annotations, categories = {}, {}, {}, {}
    sequences, moments = set(), []
    for packet in trace.packet:
        if strict:
            found = list(unknown(packet))
            assert not found, found
        sequences.add(packet.trusted_packet_sequence_id)
        for entry in packet.interned_data.event_names:
            names[entry.iid] = entry.name
        for entry in packet.interned_data.debug_annotation_names:
            annotations[entry.iid] = entry.name
        for entry in packet.interned_data.event_categories:
            categories[entry.iid] = entry.name
        if packet.HasField("track_descriptor"):
            track = packet.track_descriptor
            assert track.uuid not in tracks, "a track twice"
            assert not track.parent_uuid or track.parent_uuid in tracks, "a parent that is not there"
            tracks[track.uuid] = track
        if packet.HasField("track_event"):
            event = packet.track_event
            assert packet.sequence_flags & protos.TracePacket.SEQ_NEEDS_INCREMENTAL_STATE
            assert packet.timestamp and event.track_uuid in tracks
            assert all(iid in categories for iid in event.category_iids)
            assert all(note.name_iid in annotations or note.name for note in event.debug_annotations)
            if event.type in (Event.TYPE_SLICE_BEGIN, Event.TYPE_INSTANT):
                assert event.name or event.name_iid in names
            moments.append((packet.timestamp, event))
    assert len(sequences) == 1 and 0 not in sequences
    # Stable: of one time the order is that of the file, as in the trace processor.
    moments.sort(key=lambda moment: moment[0])
    stacks = collections.defaultdict(list)
    slices, instants, flows, samples, total = collections.Counter(), 0, set(), 0, 0
    for time, event in moments:
        stack = stacks[event.track_uuid]
        flows.update(event.flow_ids)
        if event.type == Event.TYPE_SLICE_BEGIN:
            stack.append((time, event.name or names[event.name_iid]))
        elif event.type == Event.TYPE_SLICE_END:
            start, name = stack.pop()
            slices[name] += 1
            total += time - start
        elif event.type == Event.TYPE_INSTANT:
            instants += 1
        else:
            assert event.type == Event.TYPE_COUNTER and tracks[event.track_uuid].HasField("counter")
            samples += 1
    unfinished = [name for stack in stacks.values() for _, name in stack]
    print(
        json.dumps(
            {
                "packets": len(trace.packet),
                "slices": sum(slices.values()),
                "names": dict(slices),
                "unfinished": len(unfinished),
                "instants": instants,
                "flows": len(flows),
                "samples": samples,
                "tracks": len(tracks),
                "threads": sorted(t.thread.thread_name for t in tracks.values() if t.HasField("thread")),
                "total_ns": total,
            }
        )
    )


main()
