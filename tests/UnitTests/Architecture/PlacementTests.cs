using System.Text.RegularExpressions;
using Calico.Host.Settings;
using Calico.TestKit.Hosts;
using NUnit.Framework;

namespace Calico.UnitTests.Architecture;

/// <summary>Where code lives (issue 14 §8).</summary>
[TestFixture]
public sealed partial class PlacementTests
{
    private static readonly string[] Shared =
        ["Calico.Abstractions", "Calico.Dataplane", "Calico.Datastore", "Calico.EmbeddedStore", "Calico.Felix", "Calico.Ipam",
            "Calico.Linux", "Calico.Host"];

    // ASP.NET's generator makes the class of top-level statements public.
    [Test]
    public void S8_the_host_offers_no_types() =>
        Assert.That(typeof(HostSettings).Assembly.GetExportedTypes().Select(type => type.FullName), Is.EqualTo(new[] { "Program" }));

    [Test]
    public void S8_no_contract_speaks_CNI()
    {
        // calico-host cni install writes the runtime's files; nothing else of the host knows the protocol.
        var found = Sources(Shared).Where(file => !file.Contains("/Calico.Host/Commands/", StringComparison.Ordinal))
            .SelectMany(file => Words().Matches(File.ReadAllText(file)).Select(match => $"{file}: {match.Value}"));
        Assert.That(found, Is.Empty);
    }

    [Test]
    public void S8_the_wire_is_the_shims() => Assert.Multiple(() =>
    {
        Assert.That(Directory.Exists(Path.Combine(Repository.Root, "Calico.Shim", "Wire")), Is.True);
        Assert.That(Sources(["Plugins.Cni", "Plugins.Mesos"])
            .Where(file => File.ReadAllText(file).Contains("namespace Calico.Shim.Wire", StringComparison.Ordinal)), Is.Empty);
    });

    [Test]
    public void S8_a_command_of_calicoctl_stands_in_the_folder_of_its_noun() =>
        Assert.That(Directory.GetFiles(Path.Combine(Repository.Root, "calicoctl", "Commands")).Select(Path.GetFileName),
            Is.EqualTo(new[] { "GlobalOptions.cs" }));

    [Test]
    public void S8_the_environment_is_read_where_a_program_begins_and_nowhere_else()
    {
        var found = Sources([.. Shared, "calicoctl", "Plugins.Cni", "Plugins.Docker", "Plugins.Mesos"])
            .Where(file => File.ReadAllText(file).Contains("GetEnvironmentVariable(", StringComparison.Ordinal)
            || File.ReadAllText(file).Contains("GetEnvironmentVariable,", StringComparison.Ordinal))
            .Select(file => Path.GetRelativePath(Repository.Root, file));
        // HostInstall asks for DOTNET_ROOT, which is the runtime's.
        Assert.That(found, Is.EquivalentTo(new[] { "Calico.Host/Commands/HostCommands.cs", "Calico.Host/Commands/HostInstall.cs",
            "calicoctl/Program.cs" }));
    }

    private static IEnumerable<string> Sources(IEnumerable<string> folders) =>
        folders.SelectMany(folder => Directory.EnumerateFiles(Path.Combine(Repository.Root, folder), "*.cs", SearchOption.AllDirectories))
            .Where(file => !file.Contains("/obj/", StringComparison.Ordinal));

    [GeneratedRegex("CNI_[A-Z]+|\"ipam\\.type\"|calico-ipam for")]
    private static partial Regex Words();
}
