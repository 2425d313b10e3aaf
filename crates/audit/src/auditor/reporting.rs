//! What is said of a look.

use store::{dead_letters, lost_positions};
use time::OffsetDateTime;

use super::{Auditor, Scene, booked};
use crate::{AuditError, Report, Suspect, Why, claims, handlings, look::Look};

/// Suspects that a report names, at most.
const SUSPECTS_MAX: usize = 100;

impl Auditor {
    pub(super) async fn report(
        &self,
        scene: &Scene,
        looks: &[Look],
        now: OffsetDateTime,
    ) -> Result<Report, AuditError> {
        let mut connection = self.pool.acquire().await?;
        let losses = lost_positions::of_provider(&mut connection, scene.provider).await?;
        let acknowledged = lost_positions::acknowledged(&mut connection, scene.provider).await?;
        let dead_letters_open = dead_letters::open(&mut connection, scene.provider).await?;
        drop(connection);
        let mut report = Report {
            provider: scene.provider.to_owned(),
            stream: scene.stream.to_owned(),
            dead_letters_open,
            acknowledged,
            losses,
            ..Report::default()
        };
        for look in looks {
            report.add(look);
        }
        report.unaccounted -= acknowledged;
        let healer = self.healer(scene, now);
        for consumer in self.secondaries(scene) {
            report.secondaries.push(handlings::look(&healer, consumer, booked(looks)).await?);
        }
        report.claims = self.claims(scene, now).await?;
        Ok(report)
    }

    /// The object store, if this stream is the one whose messages name its objects.
    async fn claims(
        &self,
        scene: &Scene,
        now: OffsetDateTime,
    ) -> Result<Option<crate::ClaimReport>, AuditError> {
        let bucket = self.topology.buckets.get(bus::claim::BUCKET);
        let serves = bucket.is_some_and(|bucket| bucket.serves == [scene.stream]);
        let Some(consumer) = scene.consumer.as_ref().filter(|_| serves) else { return Ok(None) };
        let settled_since = if consumer.pending == 0 {
            Some(now)
        } else {
            let sequence = u64::try_from(consumer.settled).unwrap_or_default();
            self.bus.stored(scene.stream, sequence).await?.map(|stored| stored.published)
        };
        let orphan_age = self.settings.claim_orphan();
        claims::look(&self.bus, &self.pool, orphan_age, settled_since, now).await.map(Some)
    }
}

impl Report {
    fn add(&mut self, look: &Look) {
        let sums = look.sums;
        self.accepted += look.account.last_sequence;
        self.pending += look.pending;
        self.completed += sums.completed;
        self.dead += sums.dead;
        self.duplicates += sums.duplicates;
        self.directed += sums.directed;
        self.unaccounted += sums.unknown + sums.open + sums.lost;
        self.not_reached += look.not_reached;
        self.set_back = self.set_back.or(look.set_back);
        let unknown = look.unknown.iter().map(|unknown| Suspect {
            sequence: unknown.sequence,
            why: Why::Unknown,
            event_id: Some(unknown.event_id.to_string()),
        });
        let stuck = look.stuck.iter().map(|kept| Suspect {
            sequence: kept.sequence,
            why: Why::Stuck,
            event_id: Some(kept.envelope.id.to_string()),
        });
        let losses = &self.losses;
        let is_new = |sequence: &i64| {
            !losses.iter().any(|loss| {
                loss.incarnation == look.account.incarnation
                    && (loss.first_sequence..=loss.last_sequence).contains(sequence)
            })
        };
        let lost = look.lost.iter().flat_map(|gap| gap.first..=gap.last).filter(is_new).take(SUSPECTS_MAX);
        let lost = lost.map(|sequence| Suspect { sequence, why: Why::Lost, event_id: None });
        self.suspects.extend(unknown.chain(stuck).chain(lost));
        self.suspects.sort_by_key(|suspect| suspect.sequence);
        self.suspects.truncate(SUSPECTS_MAX);
    }
}
