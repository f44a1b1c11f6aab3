using System.Text.RegularExpressions;
using NUnit.Framework;

namespace Calico.UnitTests.Architecture;

/// <summary>What things are called, and where they stand.</summary>
[TestFixture]
public sealed partial class NameTests
{
    private static readonly string[] SayNothing =
        ["Util", "Utils", "Helper", "Helpers", "Common", "Manager", "Core", "Misc", "Base", "Impl", "Data", "Info", "Processor"];

    // The kernel's words: NFTA_DATA and its type, NFT_PAYLOAD_*_HEADER, the base of a payload expression (linux/netfilter/nf_tables.h).
    private static readonly string[] TheKernels = ["NftData", "NftDataType", "PayloadBase"];

    // One namespace each, whose folders are chapters to be read and no names: what a caller needs is there with one using.
    // Calico: the contract that adapters compile against. Calico.Ipam: one part behind three types. Calico.Linux: a namespace for each
    // netlink family. Calico.TestKit.Workloads: the suite that adapters' authors derive from, as much a contract as Calico.
    private static readonly string[] Flat =
        ["Calico", "Calico.Ipam", "Calico.Linux", "Calico.Linux.Nftables", "Calico.Linux.Route", "Calico.TestKit.Workloads"];

    [Test]
    public void S10_a_name_says_what_the_thing_is()
    {
        var found = SourceTree.Files.SelectMany(file => SourceTree.Types(file).Select(type => type.Name).Concat(file.Path.Split('/', '.'))
            .Distinct().Where(SaysNothing).Select(name => (file.Path, Name: name))).ToList();
        Assert.That(found.Where(f => !TheKernels.Contains(f.Name)), Is.Empty);
        Assert.That(TheKernels.Except(found.Select(f => f.Name)), Is.Empty, "no longer there: take it off the list");
    }

    [TestCase("EndpointManager", true)]
    [TestCase("TextUtils", true)]
    [TestCase("BaseClient", true)]
    [TestCase("Handler", true)]
    [TestCase("RequestHandler", false)]
    [TestCase("DataplaneLoop", false)]
    [TestCase("CommonLawyer", true)]
    [TestCase("NodeInfo", true)]
    [TestCase("InformationStore", false)]
    public void A_banned_word_is_seen_as_a_word(string name, bool banned) => Assert.That(SaysNothing(name), Is.EqualTo(banned));

    [Test]
    public void S10_a_namespace_is_its_folder()
    {
        var apart = SourceTree.Files.Where(file => file.Namespace is not null)
            .Select(file => (file.Path, Written: file.Namespace!, ByFolder: SourceTree.NamespaceByFolder(file)))
            .Where(f => f.Written != f.ByFolder).ToList();
        Assert.That(apart.Where(f => !Stands(f.Written, f.ByFolder)), Is.Empty);
        Assert.That(Flat.Except(apart.Select(f => f.Written)), Is.Empty, "has its folders' names by now: take it off the list");
    }

    [TestCase("Calico.Host.Node", "Calico.Host.Node", true)]
    [TestCase("Calico.Ipam", "Calico.Ipam.Leases.Operations", true)]
    [TestCase("Calico.Host", "Calico.Host.Node", false)]
    [TestCase("Calico.Ipam.Leases", "Calico.Ipam.Leases.Operations", false)]
    [TestCase("Calico.Ipam", "Calico.Ipamx.Leases", false)]
    public void A_namespace_above_its_folder_is_a_fault_except_where_stated(string written, string byFolder, bool stands) =>
        Assert.That(Stands(written, byFolder), Is.EqualTo(stands));

    private static bool Stands(string written, string byFolder) =>
        written == byFolder || (Flat.Contains(written) && byFolder.StartsWith(written + ".", StringComparison.Ordinal));

    private static bool SaysNothing(string name) => name == "Handler" || Words().Matches(name).Any(word => SayNothing.Contains(word.Value));

    [GeneratedRegex("[A-Z]+(?![a-z])|[A-Z][a-z0-9]*")]
    private static partial Regex Words();
}
