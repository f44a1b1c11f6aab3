using System.Reflection.Metadata;
using System.Reflection.PortableExecutable;
using Calico.TestKit.Hosts;
using NUnit.Framework;

namespace Calico.UnitTests.Architecture;

/// <summary>The table of arrows in DESIGN 2, read from the built assemblies.</summary>
[TestFixture]
public sealed class ArrowTests
{
    // Direct references between our own assemblies; what is reached through another is listed too where the compiler records it.
    private static readonly Dictionary<string, string[]> Allowed = new()
    {
        ["Calico.Abstractions"] = [],
        ["Calico.Linux"] = [],
        ["Calico.Datastore"] = ["Calico.Abstractions"],
        ["Calico.EmbeddedStore"] = ["Calico.Datastore", "Calico.Abstractions"],
        ["Calico.Ipam"] = ["Calico.Datastore", "Calico.Abstractions"],
        ["Calico.Felix"] = ["Calico.Datastore", "Calico.Abstractions"],
        ["Calico.Dataplane"] = ["Calico.Felix", "Calico.Linux", "Calico.Datastore", "Calico.Abstractions"],
        ["calico-host"] = ["Calico.Abstractions", "Calico.Datastore", "Calico.EmbeddedStore", "Calico.Ipam", "Calico.Felix",
            "Calico.Dataplane", "Calico.Linux"],
        ["Plugins.Cni"] = ["Calico.Abstractions"],
        ["Plugins.Docker"] = ["Calico.Abstractions"],
        ["Plugins.Mesos"] = ["Calico.Abstractions"],
        ["calico-shim"] = [],
        ["calicoctl"] = ["Calico.Abstractions", "Calico.Datastore", "Calico.Ipam", "Calico.Felix"],
        ["HelloOrchestrator"] = ["Calico.Abstractions"],
    };

    private static readonly Dictionary<string, string> Projects = new()
    {
        ["calico-host"] = "Calico.Host",
        ["calico-shim"] = "Calico.Shim",
    };

    internal static IEnumerable<string> Names => Allowed.Keys;

    [TestCaseSource(nameof(Names))]
    public void References_only_what_the_table_allows(string assembly)
    {
        var references = Read(assembly, m => m.AssemblyReferences.Select(h => m.GetString(m.GetAssemblyReference(h).Name)).ToList());
        var ours = references.Where(Allowed.ContainsKey).ToList();
        Assert.That(ours.Except(Allowed[assembly]), Is.Empty, $"{assembly} references what it may not");
    }

    [Test]
    public void Only_the_kernel_library_and_the_shim_call_native_code()
    {
        // The CNI adapter receives a descriptor by recvmsg: docs/design/cni.md says why.
        var native = Allowed.Keys.Where(a => Read(a, m =>
            m.MethodDefinitions.Any(h => (m.GetMethodDefinition(h).Attributes & System.Reflection.MethodAttributes.PinvokeImpl) != 0)));
        Assert.That(native, Is.SubsetOf(new[] { "Calico.Linux", "calico-shim", "Plugins.Cni" }));
    }

    [Test]
    public void Adapters_carry_no_framework_assembly_in_their_folder()
    {
        foreach (var adapter in (string[])["Plugins.Cni", "Plugins.Docker", "Plugins.Mesos", "HelloOrchestrator"])
        {
            var folder = Path.GetDirectoryName(Find(adapter))!;
            var forbidden = Directory.GetFiles(folder, "*.dll").Select(Path.GetFileName)
                .Where(f => f!.StartsWith("Microsoft.Extensions.", StringComparison.Ordinal)
                    || f.StartsWith("Microsoft.AspNetCore.", StringComparison.Ordinal) || f == "Calico.Abstractions.dll");
            Assert.That(forbidden, Is.Empty, folder);
        }
    }

    internal static T Read<T>(string assembly, Func<MetadataReader, T> read)
    {
        using var file = File.OpenRead(Find(assembly));
        using var image = new PEReader(file);
        return read(image.GetMetadataReader());
    }

    private static string Find(string assembly)
    {
        var folder = Path.Combine(Repository.Root, "artifacts", "bin", Projects.GetValueOrDefault(assembly, assembly));
        return Directory.GetFiles(folder, $"{assembly}.dll", SearchOption.AllDirectories)
            .OrderByDescending(File.GetLastWriteTimeUtc).First();
    }
}
