//! Export: everything that is kept of one person: profile, events, and what was offered to them.
//!
//! Needs no lock: a server may be running. Events are those of every profile that the person ever was, and those
//! on tables that are no destination by their identifiers; offers are decided again, each over the profile of
//! its moment, as the table of offers does. Invariant: nothing of anybody else is in it.

use std::ops::ControlFlow;
use std::path::Path;

use super::super::history::History;
use super::super::lookups::Lookups;
use super::super::read::{ProfileReading, identifier, read, unreadable};
use super::super::{Options, open::LOG_FOLDER};
use super::people::People;
use super::{gather, read_error, register_of};
use crate::error::Result;
use crate::log::Reader;
use crate::profile::{Identifier, Rid};
use crate::record::RecordedOutcome;
use crate::value::Value;
use std::sync::Arc;

/// What is kept of one person.
#[derive(Debug)]
pub struct PersonExport {
    /// Every profile that the person ever was, as far as the log tells.
    pub rids: Vec<Rid>,
    /// The profile as it is; `None` when there is none any more.
    pub profile: Option<ProfileReading>,
    /// The events that the log holds, oldest first.
    pub events: Vec<PersonEvent>,
}

/// One event of a person.
#[derive(Debug)]
pub struct PersonEvent {
    /// Its record's LSN.
    pub lsn: u64,
    /// Processing time, epoch milliseconds.
    pub now_ms: i64,
    /// Its uuid.
    pub uuid: [u8; 16],
    /// Database.
    pub database: String,
    /// Table.
    pub table: String,
    /// The body as it came.
    pub body: Vec<u8>,
    /// What it was answered with: offer, position of the rule, data.
    pub offers: Vec<(String, usize, Value)>,
}

/// Everything that a reactor's directory holds of the person whom a key's value identifies.
///
/// # Errors
/// `Argument` for an unknown key or a value that never identifies; as [`History::open`].
pub fn export_person(
    directory: &Path,
    key: &str,
    value: &str,
    options: &Options,
) -> Result<PersonExport> {
    let reader = Reader::open(&directory.join(LOG_FOLDER), Arc::clone(&options.disk))?;
    let now = History::open(directory, reader.synced_lsn()?, options)?;
    let reactor = now.reactor();
    let published = reactor.published();
    let known = identifier(&published, key, value)?;
    let now_ms = reactor.clock.last_ms().unwrap_or_default();
    let mut people = People::default();
    people.pass_over(reactor.erasures.list());
    let register = register_of(directory, &options.disk)?;
    if let Some(register) = &register {
        people.look_up_moves(register, u64::MAX, &reactor.secret).map_err(read_error)?;
    }
    people.note_moves(&reader, u64::MAX, &reactor.secret).map_err(read_error)?;
    people.add_identifier(known.key, &known.value, &reactor.secret);
    let profile = reactor.store.visit(&known, |profile| {
        people.add_profile(profile, &reactor.secret);
        let live = reactor.batch.live();
        let lookups = Lookups::new(&live, &published.plan);
        let reading = read(&published, profile, reactor.secret.random_seed(), now_ms, &lookups);
        if lookups.has_failed() { Err(unreadable(lookups.why())) } else { Ok(reading) }
    });
    let profile = profile.transpose()?;
    gather(&mut people, u64::MAX, &reactor.secret, register.as_ref(), &mut || {
        Ok(Reader::open(&directory.join(LOG_FOLDER), Arc::clone(&options.disk))?)
    })?;
    let rids: Vec<Rid> = people.rids().collect();
    let mut events = Vec::new();
    let mut past = History::open(directory, reader.first_lsn() - 1, options)?;
    past.visit(|scene| {
        let event = scene.event;
        let outcome = crate::profile::Outcome::from(&event.outcome);
        let has =
            |identifier: &Identifier| people.has(identifier, scene.lsn.counter, &reactor.secret);
        let is_bound = outcome.rid().is_some_and(|rid| rids.binary_search(&rid).is_ok());
        let binds = !matches!(event.outcome, RecordedOutcome::Nobody | RecordedOutcome::Passing(_));
        let is_theirs = is_bound || !binds && event.identifiers.iter().any(has);
        if is_theirs {
            let mut offers = Vec::new();
            if event.outcome != RecordedOutcome::Nobody {
                scene.offers(|given| {
                    offers.push((given.offer.name.to_string(), given.rule, given.data));
                });
            }
            events.push(PersonEvent {
                lsn: scene.lsn.counter,
                now_ms: event.now_ms,
                uuid: event.uuid,
                database: event.database.to_owned(),
                table: event.table.to_owned(),
                body: event.body.to_vec(),
                offers,
            });
        }
        Ok(ControlFlow::Continue(()))
    })?;
    Ok(PersonExport { rids, profile, events })
}
