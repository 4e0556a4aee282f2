//! The nodes of a condition in one row, so that none is too deep.
//!
//! Each node comes after all that is below it, and knows how far on the node above it is. What is below `and` and `or`
//! are two, the second right before its node. So the first node of any part is a term; and whoever has the outcome of a
//! part either finds that it decides the node above, or that the second operand is next, or has already come to its
//! end. That takes neither a stack nor memory, however deep the parts lie: the row is passed once, from the left to the
//! right.
//!
//! A row of one operator leans to the left, however it was put together, so that there is one form of it.

use super::term::Term;

#[derive(Clone, Debug, PartialEq)]
pub(super) struct Tree {
    /// Never empty.
    nodes: Vec<Node>,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) struct Node {
    pub(super) step: Step,
    /// How many nodes further on the one above is; zero: there is none.
    pub(super) up: usize,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Step {
    Term(Term),
    Not,
    Join(Joint),
}

/// What joins two parts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Joint {
    And,
    Or,
}

impl Tree {
    pub(super) fn of(term: Term) -> Self {
        Self { nodes: vec![Node { step: Step::Term(term), up: 0 }] }
    }

    pub(super) fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    /// The outcome, of those terms that are needed for it.
    pub(super) fn decide(&self, mut holds: impl FnMut(&Term) -> bool) -> bool {
        let (mut at, mut outcome) = (0, false);
        while let Some(node) = self.nodes.get(at) {
            match &node.step {
                Step::Term(term) => outcome = holds(term),
                Step::Not => outcome = !outcome,
                // The outcome of that operand which decided.
                Step::Join(_) => {}
            }
            if node.up == 0 {
                break;
            }
            let is_open = match self.nodes.get(at + node.up).map(|above| &above.step) {
                Some(Step::Join(joint)) => outcome == (*joint == Joint::And),
                _ => false,
            };
            // After the first operand comes the second; after that, the node above both.
            at += if is_open { 1 } else { node.up };
        }
        outcome
    }

    /// Both, joined. Costs the length of the other one, if there is room.
    pub(super) fn joined(mut self, joint: Joint, mut other: Self) -> Self {
        let first = other.first_operand(joint);
        if let (Some(left), Some(right)) = (self.nodes.last_mut(), other.nodes.get_mut(first)) {
            // `a & (b & c)` becomes `(a & b) & c`: the node that joins comes right after the first operand.
            left.up = first + 2;
            let up = std::mem::replace(&mut right.up, 1);
            self.nodes.extend(other.nodes.drain(..=first));
            self.nodes.push(Node { step: Step::Join(joint), up });
            self.nodes.append(&mut other.nodes);
        }
        self
    }

    /// The first of the operands that this joins at the top, by its last node; all of it if that is something else.
    fn first_operand(&self, joint: Joint) -> usize {
        let (mut at, mut first) = (0, 0);
        // All nodes above the first term begin with it.
        while let Some(node) = self.nodes.get(at) {
            if node.step != Step::Join(joint) {
                first = at;
            }
            if node.up == 0 {
                break;
            }
            at += node.up;
        }
        first
    }

    pub(super) fn negated(mut self) -> Self {
        let is_negated = self.nodes.pop_if(|top| top.step == Step::Not).is_some();
        if let Some(top) = self.nodes.last_mut() {
            top.up = usize::from(!is_negated);
        }
        if !is_negated {
            self.nodes.push(Node { step: Step::Not, up: 0 });
        }
        self
    }

    /// The terms that must all hold, and those that must not.
    pub(super) fn conjuncts(&self) -> impl Iterator<Item = (&Term, bool)> {
        let mut is_one = vec![false; self.nodes.len()];
        for (at, node) in self.nodes.iter().enumerate().rev() {
            let above = at + node.up;
            is_one[at] = node.up == 0
                || is_one[above]
                    && self.nodes.get(above).is_some_and(|above| above.step == Step::Join(Joint::And));
        }
        self.nodes.iter().enumerate().filter(move |(at, _)| is_one[*at]).filter_map(|(at, node)| {
            let below = at.checked_sub(1).and_then(|below| self.nodes.get(below));
            match (&node.step, below.map(|below| &below.step)) {
                (Step::Term(term), _) => Some((term, true)),
                (Step::Not, Some(Step::Term(term))) => Some((term, false)),
                _ => None,
            }
        })
    }

    /// All terms, as they were written.
    pub(super) fn terms(&self) -> impl Iterator<Item = &Term> {
        self.nodes.iter().filter_map(|node| match &node.step {
            Step::Term(term) => Some(term),
            _ => None,
        })
    }
}
