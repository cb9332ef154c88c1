//! Machine: how much memory there is for this process: the machine's, or what its control group may use.
//!
//! Containers see the whole machine in `/proc/meminfo`; what they may use stands in their control group, and
//! in each one above it. Where nothing can be read there is no figure, and whoever asks must be told one.

use std::fs;
use std::path::Path;

/// The share of the machine that profiles may take, percent, unless told otherwise (page 4.4).
pub const BUDGET_PERCENT: usize = 60;

/// Memory that this process may use, bytes; `None` where the system does not say.
#[must_use]
pub fn memory_bytes() -> Option<usize> {
    memory_of(Path::new("/"))
}

/// The budget unless told otherwise, bytes.
#[must_use]
pub fn budget_bytes() -> Option<usize> {
    memory_bytes().map(|bytes| bytes / 100 * BUDGET_PERCENT)
}

fn memory_of(root: &Path) -> Option<usize> {
    let machine = fs::read_to_string(root.join("proc/meminfo")).ok().and_then(|text| total(&text));
    let groups = fs::read_to_string(root.join("proc/self/cgroup")).unwrap_or_default();
    let limits = groups.lines().filter_map(|line| limit_of(root, line));
    machine.into_iter().chain(limits).min()
}

/// `MemTotal:       16384 kB`.
fn total(meminfo: &str) -> Option<usize> {
    let line = meminfo.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
    let kilobytes: usize = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    kilobytes.checked_mul(1024)
}

/// The least limit of a control group and those above it, from a line `number:controllers:path`.
fn limit_of(root: &Path, line: &str) -> Option<usize> {
    let mut parts = line.splitn(3, ':').skip(1);
    let (controllers, path) = (parts.next()?, parts.next()?);
    let (mount, file) = match controllers {
        "" => ("sys/fs/cgroup", "memory.max"),
        one if one.split(',').any(|one| one == "memory") => {
            ("sys/fs/cgroup/memory", "memory.limit_in_bytes")
        }
        _ => return None,
    };
    let mount = root.join(mount);
    let own = mount.join(path.trim_start_matches('/'));
    // A process in a group of its own sees the group's directory as the mount itself.
    let groups = own.ancestors().take_while(|group| group.starts_with(&mount));
    let limit = |group: &Path| fs::read_to_string(group.join(file)).ok()?.trim().parse().ok();
    groups.filter_map(limit).min()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn machine(files: &[(&str, &str)]) -> Option<usize> {
        let root = tempfile::tempdir().unwrap();
        for (file, text) in files {
            let file = root.path().join(file);
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            fs::write(file, text).unwrap();
        }
        memory_of(root.path())
    }

    const MEMINFO: (&str, &str) = ("proc/meminfo", "MemTotal:        2048 kB\nMemFree: 1 kB\n");

    #[test]
    fn it_is_the_machines_unless_a_control_group_allows_less() {
        assert_eq!(machine(&[MEMINFO]), Some(2_097_152));
        assert_eq!(machine(&[]), None);
        let second = ("proc/self/cgroup", "0::/system.slice/p13n.service\n");
        let own = "sys/fs/cgroup/system.slice/p13n.service/memory.max";
        assert_eq!(machine(&[MEMINFO, second, (own, "max\n")]), Some(2_097_152));
        assert_eq!(machine(&[MEMINFO, second, (own, "1000000\n")]), Some(1_000_000));
        let above = ("sys/fs/cgroup/system.slice/memory.max", "500000\n");
        assert_eq!(machine(&[MEMINFO, second, (own, "1000000\n"), above]), Some(500_000));
        let container = ("sys/fs/cgroup/memory.max", "400000\n");
        assert_eq!(machine(&[MEMINFO, second, container]), Some(400_000));
        let first = ("proc/self/cgroup", "9:cpu:/x\n4:memory:/docker/x\n");
        let limit = ("sys/fs/cgroup/memory/docker/x/memory.limit_in_bytes", "300000\n");
        assert_eq!(machine(&[MEMINFO, first, limit]), Some(300_000));
        assert!(memory_bytes().is_some_and(|bytes| bytes > 1 << 20));
        assert!(budget_bytes() < memory_bytes());
    }
}
