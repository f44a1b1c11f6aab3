using System.Text.Json.Nodes;
using Calico.Host.Commands;
using NUnit.Framework;

namespace Calico.UnitTests.Host.Plugins;

/// <summary>The CNI binary and a network's conflist.</summary>
[TestFixture]
public sealed class CniInstallTests
{
    private string _work = "";

    [SetUp]
    public void MakeFolder()
    {
        _work = Directory.CreateTempSubdirectory("calico-cni-").FullName;
        File.WriteAllText(Path.Combine(_work, "shim"), "first");
    }

    [TearDown]
    public void DeleteFolder() => Directory.Delete(_work, recursive: true);

    [Test]
    public void Both_binaries_and_the_conflist_are_laid_down_and_said()
    {
        var said = Install().Run();
        Assert.That(said, Has.Count.EqualTo(4));
        Assert.That(Files(), Is.EquivalentTo(new[] { "shim", "bin/calico", "bin/calico-ipam", "net.d/10-calico.conflist" }));
        foreach (var name in (string[])["calico", "calico-ipam"])
        {
            Assert.That(File.ReadAllText(Path.Combine(_work, "bin", name)), Is.EqualTo("first"));
            Assert.That(File.GetUnixFileMode(Path.Combine(_work, "bin", name)), Is.EqualTo((UnixFileMode)0b111_101_101));
        }

        Assert.That(File.GetUnixFileMode(Path.Combine(_work, "net.d", "10-calico.conflist")), Is.EqualTo((UnixFileMode)0b110_100_100));
        Assert.That(JsonNode.DeepEquals(Conflist("calico"), JsonNode.Parse("""
            {"cniVersion":"1.0.0","name":"calico","plugins":[
              {"type":"calico","ipam":{"type":"calico-ipam"},"capabilities":{"portMappings":true}},
              {"type":"portmap","capabilities":{"portMappings":true}}]}
            """)), Is.True, Conflist("calico").ToJsonString());
    }

    [Test]
    public void Pools_go_to_their_family_and_the_chain_follows_the_options()
    {
        (Install() with { Network = "web.1", Pools = ["blue", "10.1.0.0/16", "fd00::/64"], Mtu = 1400, PortMap = false }).Run();
        Assert.That(JsonNode.DeepEquals(Conflist("web.1"), JsonNode.Parse("""
            {"cniVersion":"1.0.0","name":"web.1","plugins":[{"type":"calico","ipam":{"type":"calico-ipam",
              "ipv4_pools":["blue","10.1.0.0/16"],"assign_ipv6":"true","ipv6_pools":["fd00::/64"]},"mtu":1400}]}
            """)), Is.True, Conflist("web.1").ToJsonString());
    }

    [Test]
    public void A12_a_network_whose_conflist_could_not_be_written_is_refused_by_its_option()
    {
        var refusal = Assert.Throws<CalicoException>(() => (Install() with { Network = new string('n', 221) }).Run());
        Assert.That((refusal!.Problem, refusal.Path), Is.EqualTo((Problem.Invalid, "--network")));
        (Install() with { Network = "My_Net." + new string('n', 213) }).Run();
        Assert.That(Files(), Has.Some.StartsWith("net.d/10-My_Net."));
    }

    [Test]
    public void A_new_binary_is_another_file_so_that_one_that_runs_keeps_its_own()
    {
        Install().Run();
        var path = Path.Combine(_work, "bin", "calico");
        using var running = File.OpenRead(path);
        File.WriteAllText(Path.Combine(_work, "shim"), "second");
        Install().Run();
        using var reader = new StreamReader(running);
        Assert.That(reader.ReadToEnd(), Is.EqualTo("first"));
        Assert.That(File.ReadAllText(path), Is.EqualTo("second"));
        Assert.That(Files(), Has.Length.EqualTo(4), "no temporary file is left");
    }

    [Test]
    public void A_place_that_cannot_be_written_is_refused_and_no_network_is_there_without_its_binary()
    {
        File.WriteAllText(Path.Combine(_work, "bin"), "a file, not a folder");
        var error = Assert.Throws<CalicoException>(() => Install().Run());
        Assert.That(error!.Problem, Is.EqualTo(Problem.Refused));
        Assert.That(Files(), Is.EquivalentTo(new[] { "shim", "bin" }));
    }

    [TestCase("kns.web")]
    [TestCase("Ksa.a.b")]
    [TestCase("publish.tcp-80")]
    [TestCase("")]
    [TestCase("../up")]
    [TestCase("-x")]
    [TestCase("a b")]
    [TestCase("a\n")]
    public void A_name_that_CNI_does_not_take_is_refused(string name)
    {
        var error = Assert.Throws<CalicoException>(() => (Install() with { Network = name }).Run());
        Assert.That((error!.Problem, error.Path), Is.EqualTo((Problem.Invalid, "--network")));
        Assert.That(Files(), Is.EquivalentTo(new[] { "shim" }));
    }

    [Test]
    public void A_shim_that_is_not_there_is_refused_by_its_option() =>
        Assert.That(Assert.Throws<CalicoException>(() => (Install() with { Shim = Path.Combine(_work, "none") }).Run())!.Path,
            Is.EqualTo("--shim"));

    [Test]
    public void C10_an_edited_conflist_and_a_strangers_file_are_refused_by_name_and_nothing_is_changed()
    {
        Install().Run();
        var conf = Path.Combine(_work, "net.d", "10-calico.conflist");
        Assert.That(() => (Install() with { Mtu = 1400 }).Run(), Throws.Nothing, "what we wrote ourselves is written over");
        File.AppendAllText(conf, "\n");
        File.WriteAllText(Path.Combine(_work, "bin", "calico-ipam"), "a person's");
        var before = File.ReadAllText(conf);
        File.WriteAllText(Path.Combine(_work, "shim"), "second");
        var error = Assert.Throws<CalicoException>(() => Install().Run());
        Assert.That(error!.Problem, Is.EqualTo(Problem.AlreadyExists));
        Assert.That(error.Message, Does.Contain($"{conf} was edited").And.Contain("calico-ipam was edited").And.Contain("--force"));
        Assert.That((File.ReadAllText(conf), File.ReadAllText(Path.Combine(_work, "bin", "calico"))), Is.EqualTo((before, "first")));
        (Install() with { Force = true }).Run();
        Assert.That((File.ReadAllText(conf) == before, File.ReadAllText(Path.Combine(_work, "bin", "calico"))),
            Is.EqualTo((false, "second")));
    }

    [Test]
    public void C10_upstreams_binary_of_the_same_name_is_not_written_over()
    {
        Directory.CreateDirectory(Path.Combine(_work, "bin"));
        File.WriteAllText(Path.Combine(_work, "bin", "calico"), "upstream's");
        Assert.That(Assert.Throws<CalicoException>(() => Install().Run())!.Message, Does.Contain("was not made by calico-host"));
        Assert.That(Directory.Exists(Path.Combine(_work, "net.d")), Is.False);
        File.WriteAllText(Path.Combine(_work, "bin", "calico"), "first");
        Assert.That(() => Install().Run(), Throws.Nothing, "the same content is no loss");
    }

    [Test]
    public void C10_networks_are_listed_with_whose_they_are_and_the_plugins_go_with_the_last_of_ours()
    {
        Install().Run();
        (Install() with { Network = "blue" }).Run();
        File.WriteAllText(Path.Combine(_work, "net.d", "20-theirs.conflist"), """{"name":"theirs","plugins":[{"type":"calico"}]}""");
        File.WriteAllText(Path.Combine(_work, "net.d", "30-bridge.conflist"), """{"name":"bridge","plugins":[{"type":"bridge"}]}""");
        File.WriteAllText(Path.Combine(_work, "net.d", "40-junk.conflist"), "{");
        File.AppendAllText(Path.Combine(_work, "net.d", "10-blue.conflist"), " ");
        var list = string.Join('\n', Networks().List());
        Assert.That(list, Does.Match("calico +.*installed by calico-host\n").And.Match("blue +.*edited since\n").And
            .Match("theirs +.*made by others").And.Not.Contain("bridge").And.Not.Contain("junk"));

        Assert.That(Networks().Uninstall(null, force: false, dryRun: true), Has.Some.Contains("would remove"));
        Assert.That(Files(), Does.Contain("net.d/10-calico.conflist"));
        var said = Networks().Uninstall(null, force: false, dryRun: false);
        Assert.That(said, Has.Some.Contains("left").And.Some.Contains("10-blue.conflist"));
        Assert.That(Files(), Does.Contain("bin/calico").And.Not.Contain("net.d/10-calico.conflist"));
        Assert.That(Assert.Throws<CalicoException>(() => Networks().Uninstall("theirs", force: true, dryRun: false))!.Problem,
            Is.EqualTo(Problem.NotFound));

        File.Delete(Path.Combine(_work, "net.d", "20-theirs.conflist"));
        Networks().Uninstall("blue", force: true, dryRun: false);
        Assert.That(Files(), Is.EquivalentTo(new[] { "shim", "net.d/30-bridge.conflist", "net.d/40-junk.conflist" }));
    }

    private CniNetworks Networks() =>
        new(Path.Combine(_work, "bin"), Path.Combine(_work, "net.d"), InstallLedger.Open(Path.Combine(_work, "data", "installed.json")));

    private CniInstall Install() => new()
    {
        Ledger = InstallLedger.Open(Path.Combine(_work, "data", "installed.json")),
        Shim = Path.Combine(_work, "shim"),
        BinDirectory = Path.Combine(_work, "bin"),
        ConfDirectory = Path.Combine(_work, "net.d"),
    };

    private JsonNode Conflist(string network) => JsonNode.Parse(File.ReadAllText(Path.Combine(_work, "net.d", $"10-{network}.conflist")))!;

    private string[] Files() =>
        [.. Directory.GetFiles(_work, "*", SearchOption.AllDirectories).Select(f => Path.GetRelativePath(_work, f))
            .Where(f => !f.StartsWith("data/", StringComparison.Ordinal))];
}
