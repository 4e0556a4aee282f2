//! Keeping what a query finds: all of it, or the first of the order.

use super::search::Sink;
use super::{Filter, Order, Query};
use crate::clock::Ticks;
use crate::events::answer::{Answer, Place, Row};
use crate::events::read::{Found, Header};
use std::cmp::Ordering;

/// Room for so many rows, and so many bytes of payload for each, before either has to grow.
const ROWS: usize = 16;
const BYTES: usize = 64;

/// The first events of an order, as many as are asked for.
pub(super) struct Collected<'a> {
    pub(super) answer: Answer,
    filter: &'a Filter,
    most: usize,
    order: Order,
    /// Rows of this order or later are not among the first.
    last: Option<Ticks>,
}

impl<'a> Collected<'a> {
    pub(super) fn new(query: &'a Query<'_>) -> Self {
        let most = query.most();
        let mut answer = Answer::empty(query.view);
        answer.rows.reserve(ROWS.min(most));
        answer.bytes.reserve(ROWS.min(most) * BYTES);
        Self { answer, filter: &query.filter, most, order: query.order, last: None }
    }

    fn compare(order: Order, one: &Row, other: &Row) -> Ordering {
        let compared = one.order().cmp(&other.order());
        if order == Order::OldestFirst { compared } else { compared.reverse() }
    }

    /// How many rows there may be before those that are not among the first go.
    fn room(&self) -> usize {
        self.most.saturating_mul(2).max(self.most.saturating_add(ROWS))
    }

    /// Leaves only the first.
    fn trim(&mut self) {
        let (rows, order) = (&mut self.answer.rows, self.order);
        if rows.len() > self.most {
            let (_, last, _) =
                rows.select_nth_unstable_by(self.most.saturating_sub(1), |a, b| Self::compare(order, a, b));
            self.last = Some(last.order().0);
            rows.truncate(self.most);
            self.answer.compact();
        }
    }

    /// In order.
    pub(super) fn finish(mut self, offset: usize) -> Answer {
        self.trim();
        let (rows, order) = (&mut self.answer.rows, self.order);
        rows.sort_unstable_by(|a, b| Self::compare(order, a, b));
        rows.drain(..offset.min(rows.len()));
        self.answer
    }
}

impl Sink for Collected<'_> {
    fn take(&mut self, place: Place, found: Found<'_>, header: &Header) {
        let (from, to) = self.wanted();
        if !self.filter.asks_for_fields() && !(from..=to).contains(&header.ticks) {
            self.answer.matched += 1;
            return;
        }
        let answer = &mut self.answer;
        let start = answer.bytes.len();
        if !found.append_payload(header, &mut answer.bytes) {
            answer.gone += 1;
            return;
        }
        let row = Row::found(place, found, header, &answer.bytes, start);
        if !self.filter.wants_fields(&answer.recorded(&row)) {
            answer.bytes.truncate(start);
            return;
        }
        answer.matched += 1;
        answer.rows.push(row);
        if self.answer.rows.len() > self.room() {
            self.trim();
        }
    }

    fn is_done(&self) -> bool {
        self.most == 0 && self.answer.matched > 0
    }

    fn has_limit(&self) -> bool {
        self.most < usize::MAX
    }

    fn wanted(&self) -> (Ticks, Ticks) {
        match (self.last, self.order) {
            (None, _) => (Ticks(0), Ticks(u64::MAX)),
            (Some(last), Order::OldestFirst) => (Ticks(0), last),
            (Some(last), Order::NewestFirst) => (last, Ticks(u64::MAX)),
        }
    }
}
