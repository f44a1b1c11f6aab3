using System.Text.Json.Nodes;
using Calico.Datastore.Settings;
using Calico.Host.Commands;
using NUnit.Framework;

namespace Calico.UnitTests.Host.Plugins;

/// <summary><c>calico-host mesos install|uninstall</c>: a folder that an agent is pointed at, taken away as it was laid down.</summary>
[TestFixture]
public sealed class MesosInstallTests
{
    private string _work = "";

    private string Folder => Path.Combine(_work, "mesos");

    private string Adapters => Path.Combine(_work, "plugins");

    [SetUp]
    public void MakeFolder()
    {
        _work = Directory.CreateTempSubdirectory("calico-mesos-install-").FullName;
        Directory.CreateDirectory(Path.Combine(Adapters, "mesos", "1.0.0"));
        File.WriteAllText(Path.Combine(_work, "shim"), "the shim");
    }

    [TearDown]
    public void DeleteFolder() => Directory.Delete(_work, recursive: true);

    [Test]
    public void M18_it_is_laid_down_again_and_again_and_goes_without_a_trace()
    {
        var before = Entries();
        Assert.That(Install(dryRun: true)[0], Is.EqualTo($"would install {Folder}/calico_mesos"));
        Assert.That(Entries(), Is.EqualTo(before), "a dry run");
        Install();
        var first = Entries();
        Install();
        Assert.That(Entries(), Is.EqualTo(first));
        Assert.That(File.GetUnixFileMode(Path.Combine(Folder, "calico_mesos")).HasFlag(UnixFileMode.UserExecute), Is.True);
        Assert.That(Uninstall(), Has.Length.EqualTo(7));
        Assert.That(Entries(), Is.EqualTo(before));
        Assert.That(Uninstall().Single(), Is.EqualTo($"calico-host has installed nothing for Mesos in {Folder}"));
    }

    [Test]
    public void M18_each_way_has_its_settings()
    {
        Install(isolator: "/x.so");
        Assert.Multiple(() =>
        {
            Assert.That(Lines("agent-net-modules.env"), Is.EqualTo(new[]
            {
                $"MESOS_MODULES=file://{Folder}/modules.json", "MESOS_ISOLATION=com_mesosphere_mesos_NetworkIsolator",
                "MESOS_HOOKS=com_mesosphere_mesos_NetworkHook",
            }));
            Assert.That(Lines("agent-cni.env"), Is.EqualTo(new[]
            {
                "MESOS_ISOLATION=filesystem/linux,docker/runtime,network/cni", "MESOS_IMAGE_PROVIDERS=docker",
                $"MESOS_NETWORK_CNI_PLUGINS_DIR={Folder}/plugins", $"MESOS_NETWORK_CNI_CONFIG_DIR={Folder}/cni",
            }));
            Assert.That(Lines("agent-isolator.env"), Is.EqualTo(new[]
            {
                $"MESOS_MODULES=file://{Folder}/modules-isolator.json", "MESOS_ISOLATION=net_calico_mesos_Isolator",
            }));
        });
    }

    [Test]
    public void M18_sockets_that_are_configured_are_what_the_agent_is_told()
    {
        var variables = new Dictionary<string, string>
        {
            ["CALICO_MESOS_SOCKET"] = "/run/a.sock", ["CALICO_MESOS_NETMODULESSOCKET"] = "/run/b.sock",
        };
        var sockets = MesosSockets.Read(new(variables.GetValueOrDefault, SettingsFile.Read(Path.Combine(_work, "none"), mustExist: false)));
        _ = (Mesos() with { IsolatorLibrary = "/x.so", Sockets = sockets }).Run(Adapters, false, false);
        Assert.That(Lines("agent-net-modules.env"), Has.Some.EqualTo("CALICO_MESOS_NETMODULESSOCKET=/run/b.sock"));
        Assert.That(Json("modules-isolator.json").ToJsonString(), Does.Contain("""{"key":"socket","value":"/run/a.sock"}"""));
    }

    [Test]
    public void M18_modules_json_is_what_net_modules_reads()
    {
        Install();
        var command = $"{Folder}/calico_mesos";
        Assert.That(Json("modules.json").ToJsonString(), Is.EqualTo(
            """{"libraries":[{"file":"/opt/net-modules/libmesos_network_isolator.so","modules":["""
            + """{"name":"com_mesosphere_mesos_NetworkIsolator","parameters":["""
            + $$"""{"key":"ipam_command","value":"{{command}}"},{"key":"isolator_command","value":"{{command}}"}]},"""
            + """{"name":"com_mesosphere_mesos_NetworkHook"}]}]}"""));
    }

    [Test]
    public void M18_the_network_is_one_that_Mesos_reads()
    {
        Install();
        Assert.That(Json("cni/calico.conf").ToJsonString(),
            Is.EqualTo("""{"cniVersion":"0.2.0","name":"calico","type":"calico","ipam":{"type":"calico-ipam"}}"""));
        foreach (var plugin in (string[])["calico", "calico-ipam"])
        {
            Assert.That(File.ReadAllText(Path.Combine(Folder, "plugins", plugin)), Is.EqualTo("the shim"));
        }
    }

    [Test]
    public void M18_what_a_person_wrote_is_refused_and_left()
    {
        Directory.CreateDirectory(Folder);
        File.WriteAllText(Path.Combine(Folder, "modules.json"), "mine");
        var refused = Assert.Throws<CalicoException>(() => Install())!;
        Assert.That((refused.Problem, refused.Message.Contains("modules.json", StringComparison.Ordinal)),
            Is.EqualTo((Problem.AlreadyExists, true)));
        Assert.That(Directory.GetFiles(Folder), Is.EqualTo(new[] { $"{Folder}/modules.json" }));
        Install(force: true);
        File.AppendAllText(Path.Combine(Folder, "agent-cni.env"), "# mine\n");
        Assert.That(Uninstall(), Has.Some.StartsWith($"left {Folder}/agent-cni.env"));
        Assert.That(Directory.GetFiles(Folder), Is.EqualTo(new[] { $"{Folder}/agent-cni.env" }));
    }

    [TestCase("x y")]
    [TestCase("")]
    [TestCase(".hidden")]
    public void M18_a_name_that_no_network_can_have_is_refused(string name) =>
        Assert.That(Assert.Throws<CalicoException>(() => Install(network: name))!.Path, Is.EqualTo("--network"));

    [Test]
    public void M18_without_the_adapter_or_the_shim_it_is_refused_and_nothing_is_made()
    {
        File.Delete(Path.Combine(_work, "shim"));
        Assert.That(Assert.Throws<CalicoException>(() => Install())!.Path, Is.EqualTo("--shim"));
        Directory.Delete(Path.Combine(Adapters, "mesos"), recursive: true);
        Assert.That(Assert.Throws<CalicoException>(() => Install())!.Problem, Is.EqualTo(Problem.NotFound));
        Assert.That(Directory.Exists(Folder), Is.False);
    }

    private string[] Install(bool force = false, bool dryRun = false, string? isolator = null, string network = "calico") =>
        [.. (Mesos() with { IsolatorLibrary = isolator, Network = network }).Run(Adapters, force, dryRun)];

    private string[] Uninstall() => [.. Mesos().Uninstall(force: false, dryRun: false)];

    private MesosInstall Mesos() => new()
    {
        Directory = Folder, Shim = Path.Combine(_work, "shim"), Ledger = InstallLedger.Open(Path.Combine(_work, "data", "installed.json")),
    };

    private IEnumerable<string> Lines(string name) => File.ReadAllLines(Path.Combine(Folder, name)).Where(l => !l.StartsWith('#'));

    private JsonNode Json(string name) => JsonNode.Parse(File.ReadAllText(Path.Combine(Folder, name)))!;

    private string[] Entries() => [.. Directory.GetFileSystemEntries(_work, "*", SearchOption.AllDirectories)
        .Select(e => Path.GetRelativePath(_work, e)).Where(e => e != "data" && !e.StartsWith("data/", StringComparison.Ordinal))
        .Order(StringComparer.Ordinal)];
}
