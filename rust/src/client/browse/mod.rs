//! Looking into snapshots: asks the unit that may read them, and prints its answer as it comes.

mod text;

use std::io::{self, BufReader, BufWriter, ErrorKind, Write};
use std::os::unix::net::UnixStream;

use serde::Serialize;
use serde::de::DeserializeOwned;
use zbus::proxy::MethodFlags;
use zbus::{Connection, OwnedFd, Proxy};

use super::Reader;
use crate::base::bus_names::{INSTANCE, NAME, of_instance};
use crate::base::outcome::Failure;
use crate::base::paths::Host;
use crate::base::unit_names::unit;
use crate::provider::entry::Change;
use crate::run::browse::wire::{self, Listed, Question, Request};
use text::Text;

/// Prints the answer to a question about the snapshots of an instance, as it comes.
///
/// # Errors
/// There is no such instance, its snapshots may not be read, or the question has no answer.
pub fn run(
    host: &Host,
    name: &str,
    request: &Request,
    reader: Reader,
    out: &mut dyn Write,
) -> Result<(), Failure> {
    super::instance(host, name)?;
    print_answer(request, connect(host, name)?, reader, out)
}

/// Root connects to the unit; for others the D-Bus service does, if polkit lets them.
fn connect(host: &Host, name: &str) -> Result<UnixStream, Failure> {
    let socket = host.browse_socket(name);
    match UnixStream::connect(&socket) {
        Err(error) if error.kind() == ErrorKind::PermissionDenied => connect_over_bus(name),
        Err(error) => {
            let unit = unit(name, "-browse", "socket");
            Err(Failure::new(
                format!("cannot connect to {}: {error}", socket.display()),
                format!(
                    "activate the configuration, or start the socket: `systemctl start {unit}`"
                ),
            ))
        }
        Ok(connection) => Ok(connection),
    }
}

fn connect_over_bus(name: &str) -> Result<UnixStream, Failure> {
    let answer: zbus::Result<Option<OwnedFd>> = zbus::block_on(async {
        let connection = Connection::system().await?;
        let instance = Proxy::new(&connection, NAME, of_instance(name), INSTANCE).await?;
        // polkit may ask for a password.
        let flags = MethodFlags::ALLOW_INTERACTIVE_AUTH;
        instance.call_with_flags("Browse", flags, &()).await
    });
    let refused = |message: String| {
        Failure::new(
            message,
            format!("run the command as root, or let polkit allow you the action {NAME}.browse"),
        )
    };
    match answer {
        Ok(Some(connection)) => Ok(std::os::fd::OwnedFd::from(connection).into()),
        Ok(None) => Err(refused("the D-Bus service gave no answer".to_owned())),
        Err(zbus::Error::MethodError(_, Some(message), _)) => Err(refused(message)),
        Err(error) => Err(refused(format!(
            "cannot ask {NAME} for the snapshots of {name}: {error}"
        ))),
    }
}

/// Sends a request and prints the answer as it comes. That `out` takes no more is no error.
///
/// # Errors
/// The failure that is the answer; or the connection is broken.
pub fn print_answer(
    request: &Request,
    mut connection: UnixStream,
    reader: Reader,
    out: &mut dyn Write,
) -> Result<(), Failure> {
    request.send(&mut connection).map_err(anyhow::Error::from)?;
    let mut answer = BufReader::new(connection);
    let mut out = BufWriter::new(out);
    let mut text = Text::new(matches!(request.question, Question::Find { .. }));
    while let Some(data) = wire::receive(&mut answer)? {
        let printed = match (&request.question, reader) {
            (Question::Dump { .. }, _) => out.write_all(&data),
            (Question::List { .. } | Question::Find { .. }, Reader::Program) => {
                line(&mut out, &read::<Listed>(&data)?)
            }
            (Question::List { .. } | Question::Find { .. }, Reader::Person) => {
                text.listed(&mut out, &read(&data)?)
            }
            (Question::Diff { .. }, Reader::Program) => line(&mut out, &read::<Change>(&data)?),
            (Question::Diff { .. }, Reader::Person) => Text::change(&mut out, &read(&data)?),
        };
        // What has come is shown before more is waited for.
        let printed = printed.and_then(|()| match answer.buffer() {
            [] => out.flush(),
            _ => Ok(()),
        });
        if enough(printed)? {
            return Ok(());
        }
    }
    enough(out.flush()).map(|_| ())
}

/// Whether nobody reads what is printed any more.
fn enough(printed: io::Result<()>) -> Result<bool, Failure> {
    match printed {
        Ok(()) => Ok(false),
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(true),
        Err(error) => Err(anyhow::Error::from(error)
            .context("cannot write the output")
            .into()),
    }
}

/// Whoever answers may have been taken over: nothing else than what is expected is passed on.
fn read<T: DeserializeOwned>(data: &[u8]) -> Result<T, Failure> {
    serde_json::from_slice(data).map_err(|_| {
        Failure::new(
            "the answer cannot be understood",
            "activate the configuration that this program is from",
        )
    })
}

fn line(out: &mut impl Write, item: &impl Serialize) -> io::Result<()> {
    serde_json::to_writer(&mut *out, item)?;
    out.write_all(b"\n")
}
