using System.Net.Sockets;
using Calico.Host.Commands;
using Calico.Host.Settings;
using NUnit.Framework;

namespace Calico.UnitTests.Host;

/// <summary>Row C10 of issue 13: what is installed is taken away again, and nothing else.</summary>
[TestFixture]
public sealed class HostInstallTests
{
    private string _work = "";

    [SetUp]
    public void MakeFolder()
    {
        _work = Directory.CreateTempSubdirectory("calico-setup-").FullName;
        foreach (var file in (string[])["host/calico-host", "host/a.dll", "bin/calicoctl", "bin/calico-shim", "plugins/cni/1.0.0/cni.dll"])
        {
            var path = Path.Combine(_work, "published", file);
            Directory.CreateDirectory(Path.GetDirectoryName(path)!);
            File.WriteAllText(path, file);
        }
    }

    [TearDown]
    public void DeleteFolder() => Directory.Delete(_work, recursive: true);

    [Test]
    public void C10_everything_is_laid_down_once_and_again_and_goes_without_a_trace()
    {
        Directory.CreateDirectory(Path.Combine(_work, "links"));
        var before = Entries();
        Assert.That(Install().Run(Ledger(), force: false, dryRun: true), Has.Some.Contains("would install"));
        Assert.That(Entries(), Is.EqualTo(before));
        for (var i = 0; i < 2; i++)
        {
            Install().Run(Ledger(), force: false, dryRun: false);
        }

        Assert.That(File.ReadAllText(Path.Combine(_work, "links", "calicoctl")), Is.EqualTo("bin/calicoctl"));
        Assert.That(File.ReadAllText(Path.Combine(_work, "unit.service")),
            Does.Contain($"ExecStart={_work}/usr/host/calico-host run\n").And.Contain("Environment=DOTNET_ROOT=/dotnet\n"));
        Assert.That(File.ReadAllText(Path.Combine(_work, "plugins", "cni", "1.0.0", "cni.dll")), Is.EqualTo("plugins/cni/1.0.0/cni.dll"));
        var kernel = new FakeLeftovers();
        Assert.That(Uninstall(kernel).Run(force: false, purge: false, dryRun: true), Has.Some.Contains("would remove"));
        Assert.That(kernel.Removed, Is.False);
        Uninstall(kernel).Run(force: false, purge: true, dryRun: false);
        Assert.That(Entries(), Is.EqualTo(before));
        Assert.That(kernel.Removed, Is.True);
    }

    [Test]
    public void What_a_former_version_had_and_this_one_has_not_goes_with_the_upgrade_and_an_adapters_version_stays()
    {
        Install().Run(Ledger(), force: false, dryRun: false);
        File.WriteAllText(Path.Combine(_work, "usr", "host", "mine.dll"), "");
        File.Delete(Path.Combine(_work, "published", "host", "a.dll"));
        File.Delete(Path.Combine(_work, "published", "bin", "calico-shim"));
        Directory.Delete(Path.Combine(_work, "published", "plugins"), recursive: true);
        Assert.That(Install().Run(Ledger(), force: false, dryRun: true), Has.Some.EqualTo($"would remove {_work}/usr/host/a.dll"));
        Assert.That(File.Exists(Path.Combine(_work, "usr", "host", "a.dll")), Is.True);

        File.AppendAllText(Path.Combine(_work, "usr", "bin", "calico-shim"), "mine");
        var said = Install().Run(Ledger(), force: false, dryRun: false);
        Assert.That(said, Has.Some.EqualTo($"removed {_work}/usr/host/a.dll")
            .And.Some.Contains("left").And.Some.Contains("bin/calico-shim"));
        Assert.That(Entries().Where(e => e.StartsWith("usr/", StringComparison.Ordinal) && File.Exists(Path.Combine(_work, e))),
            Is.EquivalentTo(new[] { "usr/host/calico-host", "usr/host/mine.dll", "usr/bin/calicoctl", "usr/bin/calico-shim" }));
        Assert.That(File.Exists(Path.Combine(_work, "plugins", "cni", "1.0.0", "cni.dll")), Is.True);
    }

    [Test]
    public void C10_others_files_stay_and_what_a_person_edited_is_said()
    {
        Install().Run(Ledger(), force: false, dryRun: false);
        File.WriteAllText(Path.Combine(_work, "plugins", "mine"), "");
        File.AppendAllText(Path.Combine(_work, "unit.service"), "# mine");
        Directory.CreateDirectory(Path.Combine(_work, "run"));
        File.WriteAllText(Path.Combine(_work, "run", "birds.sock"), "");
        File.WriteAllText(Path.Combine(_work, "data", "calico.db"), "");
        File.WriteAllText(Path.Combine(_work, "data", "notes"), "");
        var said = Uninstall(new()).Run(force: false, purge: true, dryRun: false);
        Assert.That(said, Has.Some.Contains("left").And.Some.Contains("unit.service"));
        Assert.That(Entries().Where(e => !e.StartsWith("published", StringComparison.Ordinal) && File.Exists(Path.Combine(_work, e))),
            Is.EquivalentTo(new[] { "plugins/mine", "unit.service", "run/birds.sock", "data/notes", "data/installed.json" }));
    }

    [Test]
    public void C10_a_host_that_runs_and_connected_workloads_refuse_the_removal()
    {
        Install().Run(Ledger(), force: false, dryRun: false);
        var kernel = new FakeLeftovers { Links = ["cali1", "cali2"] };
        var connected = Assert.Throws<CalicoException>(() => Uninstall(kernel).Run(force: false, purge: false, dryRun: false));
        Assert.That(connected!.Message, Does.Contain("2 workloads are connected (cali1, cali2)"));
        Directory.CreateDirectory(Path.Combine(_work, "run"));
        using var host = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        host.Bind(new UnixDomainSocketEndPoint(Path.Combine(_work, "run", "host.sock")));
        host.Listen();
        var running = Assert.Throws<CalicoException>(() => Uninstall(kernel).Run(force: true, purge: false, dryRun: false));
        Assert.That(running!.Message, Does.Contain("stop it first"));
        Assert.That((kernel.Removed, File.Exists(Path.Combine(_work, "unit.service"))), Is.EqualTo((false, true)));
    }

    private HostInstall Install() => new(Path.Combine(_work, "published"), Path.Combine(_work, "usr"), Settings())
    {
        UnitPath = Path.Combine(_work, "unit.service"), LinkDirectory = Path.Combine(_work, "links"), DotnetRoot = "/dotnet",
    };

    private HostUninstall Uninstall(FakeLeftovers kernel) =>
        new(Settings(), kernel, new(Path.Combine(_work, "opt"), Path.Combine(_work, "net.d"), Ledger()));

    private HostSettings Settings() => new() { PluginDirectory = Path.Combine(_work, "plugins"),
        Sockets = new() { RunDirectory = Path.Combine(_work, "run") }, DataDirectory = Path.Combine(_work, "data") };

    private InstallLedger Ledger() => InstallLedger.Open(Path.Combine(_work, "data", "installed.json"));

    private string[] Entries() => [.. Directory.GetFileSystemEntries(_work, "*", SearchOption.AllDirectories)
        .Select(e => Path.GetRelativePath(_work, e)).Order(StringComparer.Ordinal)];

    private sealed class FakeLeftovers : IKernelLeftovers
    {
        public IReadOnlyList<string> Links { get; init; } = [];

        public bool Removed { get; private set; }

        public IReadOnlyList<string> Interfaces(string prefix) => Links;

        public IReadOnlyList<string> Remove(string prefix, int routeProtocol, bool dryRun)
        {
            Removed |= !dryRun;
            return [];
        }
    }
}
