//! Which tracks there are: of threads, of names, beside those, of counters.

use super::entry::Entry;
use super::lanes::Lanes;
use super::page::Page;
use super::track::{Group, Kind, Track};
use ahash::RandomState;
use std::collections::HashMap;
use std::ops::{Index, IndexMut};

/// All tracks of a trace; each is announced on the page when it is first needed.
#[derive(Debug)]
pub(super) struct Tracks {
    seed: u64,
    /// How many have a uuid.
    count: u64,
    groups: Vec<Group>,
    by_thread: HashMap<u32, usize, RandomState>,
    by_name: HashMap<Box<str>, usize, RandomState>,
    by_counter: HashMap<Box<str>, Track, RandomState>,
    /// Of spans that end in another thread than they began in.
    across: Option<usize>,
}

impl Tracks {
    /// Numbered from this odd number on.
    pub(super) fn new(seed: u64) -> Self {
        Self {
            seed,
            count: 0,
            groups: Vec::new(),
            by_thread: HashMap::default(),
            by_name: HashMap::default(),
            by_counter: HashMap::default(),
            across: None,
        }
    }

    /// The group an event belongs to: that of its thread, or of the name it is shown under.
    pub(super) fn group_of(&mut self, entry: &Entry<'_>, page: &mut Page) -> usize {
        let thread = entry.event().thread();
        let known = match entry.shown_track() {
            Some(name) => self.by_name.get(name),
            None => self.by_thread.get(&thread),
        };
        if let Some(group) = known {
            return *group;
        }
        let group = self.groups.len();
        let track = if let Some(name) = entry.shown_track() {
            self.by_name.insert(name.into(), group);
            // Beyond the numbers of threads, and within 32 bits, which some readers hold them in.
            self.add(Kind::Named, (1 << 30) + group as u64, name, page)
        } else {
            self.by_thread.insert(thread, group);
            let name = entry.event().thread_name();
            let name = name.map_or_else(|| format!("thread {thread}"), String::from);
            self.add(Kind::Thread(thread), thread.into(), &name, page)
        };
        self.groups.push(Group::new(track, Lanes::default()));
        group
    }

    /// The group of spans that end in another thread than they began in.
    pub(super) fn across(&mut self, page: &mut Page) -> usize {
        if let Some(group) = self.across {
            return group;
        }
        let track = self.add(Kind::Beside(self.seed), 0, "across threads", page);
        self.groups.push(Group::new(track, Lanes::blind()));
        *self.across.insert(self.groups.len() - 1)
    }

    /// A track of this group on which a span of these times nests.
    pub(super) fn place(&mut self, group: usize, times: (u64, u64), page: &mut Page) -> Track {
        match self.groups[group].lanes.place(times.0, times.1) {
            Some(0) => self.groups[group].track,
            Some(lane) => match self.groups[group].beside.get(lane - 1) {
                Some(track) => *track,
                None => {
                    let track = self.beside(group, page);
                    self.groups[group].beside.push(track);
                    track
                }
            },
            None => self.beside(group, page),
        }
    }

    /// A new track beside those of a group.
    pub(super) fn beside(&mut self, group: usize, page: &mut Page) -> Track {
        let Track { uuid, thread, .. } = self.groups[group].track;
        if self.across == Some(group) {
            return self.add(Kind::Beside(self.seed), thread, "across threads", page);
        }
        self.add(Kind::Beside(uuid), thread, "interleaved", page)
    }

    pub(super) fn counter(&mut self, name: &str, page: &mut Page) -> Track {
        if let Some(track) = self.by_counter.get(name) {
            return *track;
        }
        let track = self.add(Kind::Counter, 0, name, page);
        self.by_counter.insert(name.into(), track);
        track
    }

    fn add(&mut self, kind: Kind, thread: u64, name: &str, page: &mut Page) -> Track {
        self.count += 1;
        let uuid = self.seed.wrapping_add(2 * self.count);
        let track = Track { uuid, thread, is_beside: matches!(kind, Kind::Beside(_)) };
        page.track(track, kind, name);
        track
    }
}

impl Index<usize> for Tracks {
    type Output = Group;

    fn index(&self, group: usize) -> &Group {
        &self.groups[group]
    }
}

impl IndexMut<usize> for Tracks {
    fn index_mut(&mut self, group: usize) -> &mut Group {
        &mut self.groups[group]
    }
}
