//! Protobuf, as much of it as a trace takes: fields, appended to a buffer.

const VARINT: u64 = 0;
const FIXED64: u64 = 1;
const BYTES: u64 = 2;

fn varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

fn tag(out: &mut Vec<u8>, field: u64, wire_type: u64) {
    varint(out, field << 3 | wire_type);
}

/// An integer, a boolean or an enumerator. Negative ones as their two's complement in 64 bits.
pub(super) fn number(out: &mut Vec<u8>, field: u64, value: u64) {
    tag(out, field, VARINT);
    varint(out, value);
}

pub(super) fn fixed64(out: &mut Vec<u8>, field: u64, value: u64) {
    tag(out, field, FIXED64);
    out.extend_from_slice(&value.to_le_bytes());
}

pub(super) fn double(out: &mut Vec<u8>, field: u64, value: f64) {
    fixed64(out, field, value.to_bits());
}

pub(super) fn bytes(out: &mut Vec<u8>, field: u64, value: &[u8]) {
    tag(out, field, BYTES);
    varint(out, value.len() as u64);
    out.extend_from_slice(value);
}

/// A message, or a text that is written piece by piece.
pub(super) fn message(out: &mut Vec<u8>, field: u64, body: impl FnOnce(&mut Vec<u8>)) {
    tag(out, field, BYTES);
    let start = out.len();
    // Most are short: one byte for the length, and what is longer is moved up.
    out.push(0);
    body(out);
    let length = out.len() - start - 1;
    if length < 0x80 {
        out[start] = length as u8;
        return;
    }
    let more = (usize::BITS - length.leading_zeros()).div_ceil(7) as usize - 1;
    out.resize(out.len() + more, 0);
    out.copy_within(start + 1..start + 1 + length, start + 1 + more);
    let mut left = length;
    for byte in &mut out[start..start + more] {
        *byte = left as u8 | 0x80;
        left >>= 7;
    }
    out[start + more] = left as u8;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_as_the_encoding_has_them() {
        let mut out = Vec::new();
        number(&mut out, 1, 150);
        assert_eq!(out, [0x08, 0x96, 0x01], "the first example of its documentation");
        out.clear();
        number(&mut out, 4, -2_i64 as u64);
        assert_eq!(out, [0x20, 0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01]);
        out.clear();
        fixed64(&mut out, 47, 1);
        assert_eq!(out, [0xf9, 0x02, 1, 0, 0, 0, 0, 0, 0, 0]);
    }

    #[test]
    fn lengths_of_messages_are_those_of_their_bytes() {
        for length in [0, 1, 127, 128, 129, 16_383, 16_384, 2_097_151, 2_097_152] {
            let body: Vec<u8> = (0..length).map(|at| at as u8).collect();
            let (mut whole, mut pieces) = (vec![7], vec![7]);
            bytes(&mut whole, 3, &body);
            message(&mut pieces, 3, |out| out.extend_from_slice(&body));
            assert!(whole == pieces, "{length} bytes");
        }
    }
}
