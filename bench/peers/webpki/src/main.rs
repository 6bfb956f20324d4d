//! Parses and verifies one chain, again and again: each line of standard input
//! is a number of times, each line of output how much processor time they took,
//! in nanoseconds. Arguments: the files of leaf, intermediate and root in DER,
//! the host's name, and the time in seconds since 1970.

use std::io::{BufRead, Write};
use std::time::Duration;

use rustls_pki_types::{CertificateDer, ServerName, UnixTime};
use webpki::{anchor_from_trusted_cert, EndEntityCert, KeyUsage, ALL_VERIFICATION_ALGS};

fn cpu() -> u128 {
    let mut t = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: t is a valid place for the answer.
    unsafe { libc::clock_gettime(libc::CLOCK_PROCESS_CPUTIME_ID, &mut t) };
    t.tv_sec as u128 * 1_000_000_000 + t.tv_nsec as u128
}

fn main() {
    let args: Vec<String> = std::env::args().collect();
    let read = |i: usize| CertificateDer::from(std::fs::read(&args[i]).expect("a certificate"));
    let (leaf, intermediate, root) = (read(1), [read(2)], read(3));
    let name = ServerName::try_from(args[4].as_str()).expect("a host's name");
    let now = UnixTime::since_unix_epoch(Duration::from_secs(args[5].parse().expect("a time")));
    for line in std::io::stdin().lock().lines() {
        let times: u64 = line.expect("a line").trim().parse().expect("a number");
        let before = cpu();
        for _ in 0..times {
            let anchors = [anchor_from_trusted_cert(&root).expect("a root")];
            let cert = EndEntityCert::try_from(&leaf).expect("a leaf");
            cert.verify_for_usage(ALL_VERIFICATION_ALGS, &anchors, &intermediate, now, KeyUsage::server_auth(), None, None)
                .expect("a good chain");
            cert.verify_is_valid_for_subject_name(&name).expect("its name");
        }
        println!("{}", cpu() - before);
        std::io::stdout().flush().expect("an output");
    }
}
