//! Everything that runs: started in order, stopped in order.

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    path::Path,
    process::{Command, Stdio},
    time::Duration,
};

use anyhow::{Context as _, bail};
use servers::{
    Durability, Launch, Life, Nats, NatsOptions, Postgres, PostgresOptions, Process, Remembered, Signal,
};

use super::{
    plan::Plan,
    ready::{self, epitaph, reachable},
};
use crate::{
    build::Programs,
    console::{short, status, working},
    interrupt::Interrupt,
    local::Local,
    services::{Port, SERVICES, Service},
    settings::{
        self, BRIGHTDATA_KEY, BRIGHTDATA_SECRETS, C2S_SECRETS, C2S_TOKEN, C2S_URL, GRAPH_APP_SECRET,
        INSTAGRAM_SECRETS, USAGE_SECRETS,
    },
    state::{Addresses, State},
    tools,
};

/// The program that plays the outside systems.
const SIMULATORS: &str = "weir-simulators";

/// Above the services' own drain deadline, so that their word is heard before they are killed.
const SERVICE_GRACE: Duration = Duration::from_secs(30);

/// The grace of the `up` itself, as `down` sees it.
const OUR_GRACE: Duration = Duration::from_mins(2);

/// Everything that was started.
#[derive(Debug)]
pub(super) struct System<'a> {
    local: &'a Local,
    pub(super) addresses: Addresses,
    /// In the order of an event's way.
    services: Vec<Process>,
    /// The outside systems.
    simulators: Option<Process>,
    /// In the order of starting.
    servers: Vec<Process>,
    ready: bool,
}

impl<'a> System<'a> {
    /// Starts it, one after the other. On failure what was started is stopped again.
    pub(super) fn start(
        plan: &Plan,
        local: &'a Local,
        programs: &Programs,
        interrupt: &Interrupt,
    ) -> anyhow::Result<Self> {
        let mut system = Self {
            local,
            addresses: addresses(plan, programs)?,
            services: Vec::new(),
            simulators: None,
            servers: Vec::new(),
            ready: false,
        };
        let started = system.start_all(plan, programs, interrupt);
        match started {
            Ok(()) => Ok(system),
            Err(error) => {
                system.stop()?;
                Err(error)
            }
        }
    }

    fn start_all(&mut self, plan: &Plan, programs: &Programs, interrupt: &Interrupt) -> anyhow::Result<()> {
        self.start_postgres(plan)?;
        interrupt.check()?;
        self.start_nats(plan)?;
        for (verb, what) in
            [("migrate", "database migrated"), ("provision", "streams and consumers provisioned")]
        {
            interrupt.check()?;
            working("weir", verb, || {
                self.weir(plan, programs, &[verb])?;
                Ok(((), what.to_owned()))
            })?;
        }
        interrupt.check()?;
        self.start_simulators(plan, programs, interrupt)?;
        for (service, listen) in SERVICES.iter().zip(&plan.listen) {
            self.start_service(service, *listen, plan, programs, interrupt)?;
        }
        self.ready = true;
        self.save()?;
        self.send_samples(plan, programs);
        Ok(())
    }

    /// Every kind of event of every provider. A courtesy: Weir runs without it.
    fn send_samples(&self, plan: &Plan, programs: &Programs) {
        let leads = self.weir(plan, programs, &["send", "c2s", "--sample", "batch"]);
        for (sent, what) in
            [(leads, "sample leads"), (self.traffic(programs), "samples of the other providers")]
        {
            match sent {
                Ok(()) => status("weir", &format!("{what} sent")),
                Err(error) => status("weir", &format!("could not send {what}: {error:#}")),
            }
        }
    }

    /// The outside systems send, those of which we know the secret.
    fn traffic(&self, programs: &Programs) -> anyhow::Result<()> {
        let secret = |setting| self.addresses.settings.get(setting).and_then(|list| settings::first(list));
        let mut command = Command::new(programs.get(SIMULATORS)?);
        command
            .args(["traffic", "--edge", &self.addresses.edge_url])
            .envs(secret(INSTAGRAM_SECRETS).map(|secret| ("SIMULATED_APP_SECRET", secret)))
            .envs(secret(BRIGHTDATA_SECRETS).map(|secret| ("SIMULATED_BRIGHTDATA_TOKEN", secret)))
            .envs(secret(USAGE_SECRETS).map(|secret| ("SIMULATED_USAGE_TOKEN", secret)));
        // Leads that are made where Contact2Sale is can be enriched.
        if let (Some(url), Some(token)) =
            (self.addresses.settings.get(C2S_URL), self.addresses.settings.get(C2S_TOKEN))
        {
            command.args(["--c2s", url]).env("SIMULATED_TOKEN", token);
        }
        run(&mut command)
    }

    fn start_postgres(&mut self, plan: &Plan) -> anyhow::Result<()> {
        if plan.database_url.is_some() {
            status("PostgreSQL", "the one in DATABASE_URL");
            return Ok(());
        }
        let server = tools::postgres()?;
        let options = PostgresOptions {
            directory: self.local.data("postgres"),
            log: self.local.log("postgres"),
            port: Some(plan.postgres_port),
            durability: Durability::Durable,
            password: Some(plan.postgres_password.clone()),
            life: life(plan),
        };
        let postgres = working("PostgreSQL", "starting", || {
            let postgres = Postgres::start(&server, &options)?;
            let (port, data) = (postgres.port(), short(postgres.directory()));
            let how = format!("{} on 127.0.0.1:{port}, data in {data}", server.version);
            Ok((postgres, how))
        })?;
        self.addresses.database_url = postgres.url();
        self.servers.push(postgres.into_process());
        self.save()
    }

    fn start_nats(&mut self, plan: &Plan) -> anyhow::Result<()> {
        if plan.nats_url.is_some() {
            status("nats-server", "the one in NATS_URL");
            return Ok(());
        }
        let server = tools::nats_server()?;
        let options = NatsOptions {
            directory: self.local.data("nats"),
            log: self.local.log("nats"),
            port: Some(plan.nats_port),
            life: life(plan),
        };
        let nats = working("nats-server", "starting", || {
            let nats = Nats::start(&server, &options)?;
            let (port, data) = (nats.port(), short(&options.directory));
            let how = format!("{} on 127.0.0.1:{port}, data in {data}", server.version);
            Ok((nats, how))
        })?;
        self.addresses.nats_url = nats.url();
        self.addresses.nats_monitoring_url = Some(nats.monitor_url());
        self.servers.push(nats.into_process());
        self.save()
    }

    fn start_simulators(
        &mut self,
        plan: &Plan,
        programs: &Programs,
        interrupt: &Interrupt,
    ) -> anyhow::Result<()> {
        let mut launch = Launch::new(SIMULATORS, programs.get(SIMULATORS)?, self.local.log(SIMULATORS))
            .args(["serve"])
            .directory(servers::repository())
            .stopped_by(Signal::Term, SERVICE_GRACE)
            .life(life(plan));
        for (flag, listen) in &plan.simulators {
            launch = launch.args([*flag, &listen.to_string()]);
        }
        for (setting, name) in [
            (GRAPH_APP_SECRET, "SIMULATED_APP_SECRET"),
            (BRIGHTDATA_KEY, "SIMULATED_BRIGHTDATA_KEY"),
            (C2S_TOKEN, "SIMULATED_TOKEN"),
        ] {
            if let Some(secret) = plan.settings.get(setting) {
                launch = launch.env(name, secret);
            }
        }
        // Contact2Sale tells of its leads where the edge is, with the secret in the URL.
        if let Some(secret) = plan.settings.get(C2S_SECRETS).and_then(|list| settings::first(list)) {
            let hook = format!("{}/api/v1/webhooks/c2s/{secret}", self.addresses.edge_url);
            launch = launch.env("SIMULATED_C2S_HOOK", hook);
        }
        let process = working("simulators", "starting", || {
            let mut process = launch.start()?;
            let listening = plan
                .simulators
                .iter()
                .try_for_each(|(_, listen)| ready::wait_listening(&mut process, *listen, interrupt));
            if let Err(error) = listening {
                process.stop();
                return Err(error);
            }
            Ok((process, "play the outside systems".to_owned()))
        })?;
        self.simulators = Some(process);
        self.save()
    }

    fn start_service(
        &mut self,
        service: &Service,
        listen: SocketAddr,
        plan: &Plan,
        programs: &Programs,
        interrupt: &Interrupt,
    ) -> anyhow::Result<()> {
        let mut launch =
            Launch::new(service.program, programs.get(service.program)?, self.local.log(service.program))
                .env(service.listen, listen.to_string())
                .directory(servers::repository())
                .stopped_by(Signal::Term, SERVICE_GRACE)
                .life(life(plan));
        for (name, value) in plan.environment.additions() {
            launch = launch.env(name, value);
        }
        for (name, value) in self.settings().filter(|(name, _)| service.is_told(name)) {
            launch = launch.env(name, value);
        }
        let process = working(service.program, "starting", || {
            let mut process = launch.start()?;
            let ready = ready::wait(&mut process, listen, interrupt);
            if let Err(error) = ready {
                process.stop();
                return Err(error);
            }
            Ok((process, format!("ready on http://{}", reachable(listen))))
        })?;
        self.services.push(process);
        self.save()
    }

    /// Everything that Weir's processes may be told.
    fn settings(&self) -> impl Iterator<Item = (&str, &str)> {
        let addresses = &self.addresses;
        let servers =
            [("WEIR_NATS__URLS", &addresses.nats_url), ("WEIR_POSTGRES__URL", &addresses.database_url)];
        let others = addresses.settings.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        servers.into_iter().map(|(name, value)| (name, value.as_str())).chain(others)
    }

    /// Runs the operator's command.
    fn weir(&self, plan: &Plan, programs: &Programs, arguments: &[&str]) -> anyhow::Result<()> {
        let mut command = Command::new(programs.get("weir")?);
        command
            .args(arguments)
            .envs(plan.environment.additions())
            .envs(self.settings())
            .env("WEIR_EDGE_URL", &self.addresses.edge_url);
        run(&mut command)
    }

    /// What to say of the first process that ended by itself, if any did.
    pub(super) fn find_ended(&mut self) -> Option<String> {
        let mut processes = self.services.iter_mut().chain(&mut self.simulators).chain(&mut self.servers);
        processes.find_map(|process| process.has_ended().then(|| epitaph(process)))
    }

    /// Stops the services, then the servers under them, with a line for each.
    pub(super) fn stop(&mut self) -> anyhow::Result<()> {
        self.ready = false;
        self.save()?;
        let in_order =
            self.services.iter_mut().chain(&mut self.simulators).chain(self.servers.iter_mut().rev());
        for process in in_order {
            if !process.has_ended() {
                let orderly = process.stop();
                status(process.name(), if orderly { "stopped" } else { "killed, it did not stop in time" });
            }
        }
        self.services.clear();
        self.simulators = None;
        self.servers.clear();
        State::forget(self.local)
    }

    /// Leaves it to whoever calls `down`.
    pub(super) fn leave_running(self) -> anyhow::Result<()> {
        State { supervisor: None, ..self.state() }.save(self.local)
    }

    fn save(&self) -> anyhow::Result<()> {
        self.state().save(self.local)
    }

    fn state(&self) -> State {
        let in_order = self.services.iter().chain(&self.simulators).chain(self.servers.iter().rev());
        State {
            supervisor: Some(Remembered::this("up", OUR_GRACE)),
            processes: in_order.map(Process::remember).collect(),
            addresses: self.ready.then(|| self.addresses.clone()),
        }
    }
}

/// Runs a command of ours to its end.
fn run(command: &mut Command) -> anyhow::Result<()> {
    let name = Path::new(command.get_program()).file_name().unwrap_or_default().display().to_string();
    let arguments: Vec<_> = command.get_args().map(|argument| argument.display().to_string()).collect();
    let output = command
        .current_dir(servers::repository())
        .stdin(Stdio::null())
        .output()
        .with_context(|| format!("cannot run {name}"))?;
    if output.status.success() {
        return Ok(());
    }
    let said = [output.stdout, output.stderr].concat();
    bail!("`{name} {}` failed: {}", arguments.join(" "), String::from_utf8_lossy(&said).trim())
}

fn life(plan: &Plan) -> Life {
    if plan.detach { Life::Detached } else { Life::WithParent }
}

/// What is known before anything runs; the servers' own addresses are filled in when they do.
fn addresses(plan: &Plan, programs: &Programs) -> anyhow::Result<Addresses> {
    let by_service = SERVICES.iter().zip(&plan.listen);
    let url = |listen: &SocketAddr| format!("http://{}", reachable(*listen));
    let edge = by_service.clone().find(|(service, _)| service.port == Port::Edge);
    let probes: BTreeMap<_, _> =
        by_service.map(|(service, listen)| (service.program.to_owned(), url(listen))).collect();
    let programs = programs.get("weir")?.parent().unwrap_or_else(|| Path::new(".")).display().to_string();
    Ok(Addresses {
        nats_url: plan.nats_url.clone().unwrap_or_default(),
        nats_monitoring_url: None,
        database_url: plan.database_url.clone().unwrap_or_default(),
        edge_url: edge.map(|(_, listen)| url(listen)).unwrap_or_default(),
        settings: plan.settings.clone(),
        probes,
        programs,
    })
}
