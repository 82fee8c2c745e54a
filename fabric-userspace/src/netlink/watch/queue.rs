//! Which event is told next: our own namespace's before those of others, and each foreign interface's now and then only.

use std::collections::{HashMap, VecDeque};
use std::time::{Duration, Instant};

use super::{Event, News as _};

/// How long a foreign interface that was told of has to wait before it is told of again: a tenant who changes his own all the time
/// must not keep the agent from its other work.
pub(super) const REST: Duration = Duration::from_millis(20);
/// So many events of our own namespace are told before one of another, if one waits.
const IN_A_ROW: u32 = 8;
/// So many events may wait before some of other namespaces are given up.
const ROOM: usize = 1024;
/// How often everything is read anew because of them.
const LOOK: Duration = Duration::from_secs(1);
/// As many interfaces as are remembered before the oldest are looked for.
const REMEMBERED: usize = 1024;

/// Namespace and number of a foreign interface.
type Interface = (i32, u32);

/// Events that wait.
#[derive(Debug, Default)]
pub(super) struct Queue {
    pub events: VecDeque<Event>,
    told: HashMap<Interface, Instant>,
    own_in_a_row: u32,
    /// Something was given up since everything was read anew, which was then.
    has_lost: bool,
    looked: Option<Instant>,
}

impl Queue {
    /// Gives up the newest of other namespaces where too many wait: everything is looked at instead, now and then.
    pub(super) fn limit(&mut self) {
        if self.events.len() <= ROOM {
            return;
        }
        let mut room = ROOM;
        let before = self.events.len();
        self.events.retain(|event| {
            let is_foreign = foreign(event).is_some();
            let stays = !is_foreign || room > 0;
            room = room.saturating_sub(usize::from(is_foreign));
            stays
        });
        self.has_lost |= self.events.len() < before;
    }

    /// Told at most once a second that something of other namespaces was given up.
    fn look_anew(&mut self, now: Instant) {
        let is_time = self
            .looked
            .is_none_or(|looked| now.duration_since(looked) >= LOOK);
        if self.has_lost && is_time {
            (self.has_lost, self.looked) = (false, Some(now));
            Event::Missed.join(&mut self.events);
        }
    }

    /// The next event that may be told at `now`.
    pub(super) fn next(&mut self, now: Instant) -> Option<Event> {
        self.look_anew(now);
        let own = self.events.iter().position(|event| foreign(event).is_none());
        let other = self
            .events
            .iter()
            .position(|event| foreign(event).is_some_and(|interface| self.is_rested(interface, now)));
        let turn = match (own, other) {
            (Some(_), Some(other)) if self.own_in_a_row >= IN_A_ROW => Some(other),
            (own, other) => own.or(other),
        };
        let event = self.events.remove(turn?)?;
        match foreign(&event) {
            None => self.own_in_a_row += 1,
            Some(interface) => {
                self.own_in_a_row = 0;
                self.remember(interface, now);
            }
        }
        Some(event)
    }

    fn is_rested(&self, interface: Interface, now: Instant) -> bool {
        let told = self.told.get(&interface);
        told.is_none_or(|told| now.duration_since(*told) >= REST)
    }

    fn remember(&mut self, interface: Interface, now: Instant) {
        if self.told.len() >= REMEMBERED {
            self.told.retain(|_, told| now.duration_since(*told) < REST);
        }
        self.told.insert(interface, now);
    }
}

fn foreign(event: &Event) -> Option<Interface> {
    let (nsid, ifindex) = event.interface()?;
    Some((nsid?, ifindex))
}

#[cfg(test)]
mod tests {
    use netlink_packet_route::link::LinkMessage;

    use super::*;
    use crate::netlink::Link;

    fn link(nsid: Option<i32>, ifindex: u32, mtu: u32) -> Event {
        let mut link = Link::from_message(&LinkMessage::default());
        (link.ifindex, link.mtu) = (ifindex, mtu);
        Event::Link {
            nsid,
            link: Box::new(link),
            features: false,
        }
    }

    fn queue(events: impl IntoIterator<Item = Event>) -> Queue {
        let mut queue = Queue::default();
        events.into_iter().for_each(|event| event.join(&mut queue.events));
        queue
    }

    #[test]
    fn of_a_thousand_changes_of_one_interface_the_last_is_told_once() {
        let mut queue = queue((0..1000).map(|mtu| link(Some(1), 7, mtu)));
        let now = Instant::now();
        assert_eq!(queue.next(now), Some(link(Some(1), 7, 999)));
        assert_eq!(queue.next(now), None);
    }

    #[test]
    fn what_changed_after_an_interface_went_is_another_one() {
        let gone = Event::LinkGone {
            nsid: None,
            ifindex: 7,
            name: "eth1".to_owned(),
        };
        let all = [link(None, 7, 1), gone, link(None, 7, 2)];
        let mut queue = queue(all.clone());
        let told = std::iter::from_fn(|| queue.next(Instant::now()));
        assert_eq!(told.collect::<Vec<_>>(), all);
    }

    #[test]
    fn a_foreign_interface_that_comes_and_goes_waits_once() {
        let gone = |number: usize| Event::LinkGone {
            nsid: Some(1),
            ifindex: 7,
            name: number.to_string(),
        };
        let mut queue = queue((0..1000).flat_map(|number| [link(Some(1), 7, 1), gone(number)]));
        assert_eq!(queue.events, [gone(999)]);
        assert!(queue.next(Instant::now()).is_some());
    }

    #[test]
    fn a_tenant_with_thousands_of_interfaces_does_not_keep_ours_waiting() {
        let mut queue = queue((0..5000).map(|ifindex| link(Some(1), ifindex, 1)));
        queue.limit();
        link(None, 9, 1).join(&mut queue.events);
        let now = Instant::now();
        assert_eq!(queue.next(now), Some(link(None, 9, 1)));
        assert_eq!(
            queue.next(now),
            Some(Event::Missed),
            "of what was given up nobody knows"
        );
        let rest = std::iter::from_fn(|| queue.next(now)).count();
        assert_eq!(rest, ROOM);
        (0..5000).for_each(|ifindex| link(Some(2), ifindex, 1).join(&mut queue.events));
        queue.limit();
        assert!(!std::iter::from_fn(|| queue.next(now)).any(|event| event == Event::Missed));
        assert_eq!(queue.next(now + LOOK), Some(Event::Missed), "once a second");
    }

    #[test]
    fn everything_is_read_anew_behind_what_is_older() {
        let [old, newer] = [1, 2].map(|ifindex| link(None, ifindex, 1));
        let mut queue = queue([Event::Missed, old.clone(), Event::Missed, newer.clone()]);
        let told = std::iter::from_fn(|| queue.next(Instant::now()));
        assert_eq!(told.collect::<Vec<_>>(), [old, Event::Missed, newer]);
    }

    #[test]
    fn our_own_come_first_and_others_get_their_turn() {
        let foreign = link(Some(1), 7, 1);
        let own = (1..=20).map(|ifindex| link(None, ifindex, 1));
        let mut queue = queue([foreign.clone()].into_iter().chain(own));
        let told: Vec<_> = std::iter::from_fn(|| queue.next(Instant::now())).collect();
        let turn = told.iter().position(|event| *event == foreign);
        assert_eq!((told.len(), turn), (21, Some(8)));
    }

    #[test]
    fn a_foreign_interface_rests_between_two_changes() {
        let mut queue = queue([link(Some(1), 7, 1)]);
        let now = Instant::now();
        assert!(queue.next(now).is_some());
        link(Some(1), 7, 2).join(&mut queue.events);
        link(Some(1), 8, 2).join(&mut queue.events);
        assert_eq!(queue.next(now), Some(link(Some(1), 8, 2)), "another one need not");
        assert_eq!(queue.next(now + REST / 2), None);
        assert_eq!(queue.next(now + REST), Some(link(Some(1), 7, 2)));
    }
}
