//! What is sent: real leads and messages, some of which the database is told to refuse.

use rand::{Rng as _, SeedableRng as _, rngs::StdRng, seq::IndexedRandom as _};
use serde_json::{Value, json};

/// The account that messages are for.
const ACCOUNT: &str = "17841400000000001";
/// A fixed instant, milliseconds.
const INSTANT: i64 = 1_768_903_200_000;

/// Who sends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Provider {
    C2s,
    Instagram,
}

/// What is to become of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Good,
    /// The first attempts fail.
    Flaky(u8),
    /// The database refuses it, always.
    Poison,
    /// Every attempt fails as if the next one might work.
    Hopeless,
    /// The edge finds it invalid.
    Rejected,
}

/// One event.
#[derive(Debug, Clone)]
pub(crate) struct Event {
    /// In its body, and in the rows that it makes.
    pub(crate) token: String,
    pub(crate) kind: Kind,
}

/// One POST: events of one provider.
#[derive(Debug, Clone)]
pub(crate) struct Delivery {
    pub(crate) provider: Provider,
    pub(crate) events: Vec<Event>,
}

impl Kind {
    fn word(self) -> String {
        match self {
            Self::Good => "good".to_owned(),
            Self::Flaky(attempts) => format!("flaky{attempts}"),
            Self::Poison => "poison".to_owned(),
            Self::Hopeless => "hopeless".to_owned(),
            Self::Rejected => "rejected".to_owned(),
        }
    }

    /// Whether it must end as a dead letter.
    pub(crate) const fn dies(self) -> bool {
        matches!(self, Self::Poison | Self::Hopeless | Self::Rejected)
    }

    /// 85 % good, 10 % fail at first, 5 % never succeed.
    fn pick(rng: &mut StdRng, provider: Provider) -> Self {
        match rng.random_range(0..100) {
            0..2 => Self::Poison,
            2..4 => Self::Hopeless,
            4 if provider == Provider::C2s => Self::Rejected,
            5..10 => Self::Flaky(1),
            10..15 => Self::Flaky(2),
            _ => Self::Good,
        }
    }
}

impl Delivery {
    /// Delivery `number` of a run.
    pub(crate) fn of_run(seed: u64, number: u64) -> Self {
        let mut rng = StdRng::seed_from_u64(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ number);
        let provider =
            *[Provider::C2s, Provider::C2s, Provider::Instagram].choose(&mut rng).expect("there are some");
        let events = (0..rng.random_range(1..=5))
            .map(|place| {
                let kind = Kind::pick(&mut rng, provider);
                Event { token: format!("chaos-{seed}-{number}x{place}-{}", kind.word()), kind }
            })
            .collect();
        Self { provider, events }
    }

    /// The body as its provider writes it.
    pub(crate) fn body(&self) -> Vec<u8> {
        let items: Vec<Value> = self.events.iter().map(|event| event.json(self.provider)).collect();
        let body = match (self.provider, items.as_slice()) {
            (Provider::C2s, [single]) => single.clone(),
            (Provider::C2s, several) => several.into(),
            (Provider::Instagram, several) => {
                json!({"object": "instagram", "entry": [{"id": ACCOUNT, "time": INSTANT, "messaging": several}]})
            }
        };
        body.to_string().into_bytes()
    }
}

impl Event {
    fn json(&self, provider: Provider) -> Value {
        match provider {
            Provider::C2s if self.kind == Kind::Rejected => {
                json!({"id": self.token, "hook_action": "lead.created", "attributes": {"customer": {"name": "Joao"}}})
            }
            Provider::C2s => json!({"id": self.token, "hook_action": "lead.created", "attributes": {
                "updated_at": "2026-01-20T10:00:00Z",
                "customer": {"name": "Joao Exemplo", "email": "joao@example.com", "phone": "+5511987654321"},
                "lead_status": {"alias": "new", "name": "Novo Lead"}}}),
            Provider::Instagram => json!({
                "sender": {"id": "9000000000000001"}, "recipient": {"id": ACCOUNT}, "timestamp": INSTANT,
                "message": {"mid": self.token, "text": "Olá 😀"}}),
        }
    }
}

/// What finds the token in a body, for PostgreSQL.
pub(crate) const TOKEN: &str = "chaos-[0-9]+-[0-9]+x[0-9]+-[a-z0-9]+";

/// Makes the database refuse what is to be refused. A flaky event fails until its earlier attempts are on record: they
/// are in the ledger, whose row the transaction that fails has just written.
pub(crate) const TRIGGERS: &str = r"
create function chaos_refuse() returns trigger language plpgsql as $$
declare
    token text := to_jsonb(new) ->> tg_argv[0];
    tried integer;
begin
    if token like '%-poison' then
        raise exception 'chaos: never' using errcode = 'check_violation';
    elsif token like '%-hopeless' then
        raise exception 'chaos: not this time either' using errcode = 'serialization_failure';
    elsif token ~ '-flaky[0-9]$' then
        select attempts into tried from webhook_events where id = new.event_id;
        if tried <= right(token, 1)::integer then
            raise exception 'chaos: not this time' using errcode = 'serialization_failure';
        end if;
    end if;
    return new;
end
$$;
create trigger chaos before insert on lead_events for each row execute function chaos_refuse('lead_id');
create trigger chaos before insert on instagram_messages for each row execute function chaos_refuse('mid');
";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_decides_what_is_sent() {
        let bodies = |seed| (0..50).map(|n| Delivery::of_run(seed, n).body()).collect::<Vec<_>>();
        assert_eq!(bodies(7), bodies(7));
        assert_ne!(bodies(7), bodies(8));
    }

    #[test]
    fn a_twentieth_never_succeeds_and_a_tenth_fails_at_first() {
        let events: Vec<_> = (0..5_000).flat_map(|n| Delivery::of_run(1, n).events).collect();
        let share =
            |of: fn(&Event) -> bool| events.iter().filter(|event| of(event)).count() * 100 / events.len();
        assert!((4..=6).contains(&share(|event| event.kind.dies())));
        assert!((8..=11).contains(&share(|event| matches!(event.kind, Kind::Flaky(_)))));
    }
}
