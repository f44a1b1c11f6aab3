using NUnit.Framework;

namespace Calico.UnitTests.Architecture;

/// <summary>How long files, lines and folders are. Tests count.</summary>
[TestFixture]
public sealed class FileSizeTests
{
    // .editorconfig's max_line_length.
    private const int Width = 140;

    private static readonly StatedLimit FileLines = new(250)
    {
        // The order in which a workload's pair, addresses and routes are made and unmade is one story, with the facts it rests on.
        ["Calico.Dataplane/Workloads/WorkloadWiring.cs"] = 497,
        // The turn of the loop, and what may interrupt it, is one story.
        ["Calico.Dataplane/Enforcement.cs"] = 361,
        // One shape of kernel object, an arm each for what it can hold.
        ["Calico.Dataplane/Reconciliation/RouteReconciler.cs"] = 297,
        ["Calico.Dataplane/Strangers/NftRuleReading.cs"] = 307,
        ["Calico.Linux/Nftables/NftReader.cs"] = 319,
        // As far as braces carried them.
        ["Calico.Linux/Netlink/NetlinkSocket.cs"] = 255,
        ["tests/VectorTests/Cni/CniVectorRunner.cs"] = 257,
        // Ported from upstream branch by branch, so that the two can be read side by side.
        ["Calico.Ipam/Changes/AutoAssignment.cs"] = 406,
        ["Calico.Ipam/Changes/ExactAssignment.cs"] = 263,
        ["Calico.Ipam/Changes/IpamChange.cs"] = 361,
        // A transaction and its undo.
        ["Calico.EmbeddedStore/Storage/StoreFile.Opening.cs"] = 370,
        ["Calico.Host/Workloads/WorkloadConnector.cs"] = 306,
        // To be split.
        ["Calico.Datastore/Resources/Client/ResourceClient.cs"] = 335,
        ["Plugins.Cni/CniServer.cs"] = 340,
        ["Plugins.Cni/Protocol/NetworkConfiguration.cs"] = 321,
        // Suites and stand-ins, to be split by what they are about.
        ["tests/Calico.TestKit/Store/InMemoryStore.cs"] = 408,
        ["tests/Calico.TestKit/Store/KeyValueStoreConformance.cs"] = 343,
        ["tests/Calico.TestKit/Workloads/Conformance/AdapterConformance.cs"] = 279,
        ["tests/Calico.TestKit/Workloads/FakeWorkloads.cs"] = 448,
        ["tests/KernelTests/Dataplane/GapTests.cs"] = 276,
        ["tests/KernelTests/Dataplane/LifeTests.cs"] = 366,
        ["tests/KernelTests/Dataplane/LinkTests.cs"] = 337,
        ["tests/KernelTests/Linux/NftChangeTests.cs"] = 357,
        ["tests/KernelTests/Linux/NftRoundTripTests.cs"] = 286,
        ["tests/KernelTests/Linux/RouteRoundTripTests.cs"] = 490,
        ["tests/SystemTests/Host/SwallowedPathTests.cs"] = 252,
        ["tests/UnitTests/Cli/ResourceCommandTests.cs"] = 277,
        ["tests/UnitTests/Cni/CniServerTests.cs"] = 533,
        ["tests/UnitTests/Cni/ShimTests.cs"] = 390,
        ["tests/UnitTests/Host/HostUnderTest.cs"] = 271,
        ["tests/UnitTests/Host/LostFactsTests.cs"] = 303,
        ["tests/UnitTests/Host/Plugins/PluginCommandsTests.cs"] = 343,
        ["tests/UnitTests/Host/Plugins/TrustedPluginTests.cs"] = 266,
        ["tests/UnitTests/Host/SettingsReaderTests.cs"] = 269,
        ["tests/UnitTests/Host/WhatFailsIsSaidTests.cs"] = 294,
        ["tests/UnitTests/Ipam/AllocationBlockTests.cs"] = 355,
        ["tests/UnitTests/Ipam/NodeIpamPropertyTests.cs"] = 305,
        ["tests/UnitTests/Ipam/NodeIpamTests.cs"] = 334,
        ["tests/UnitTests/Ipam/PoolOverlapTests.cs"] = 270,
        ["tests/UnitTests/Linux/NftMessageTests.cs"] = 397,
        ["tests/UnitTests/Linux/RouteMessageTests.cs"] = 251,
        ["tests/UnitTests/Store/EmbeddedEngineTests.Files.cs"] = 271,
        ["tests/UnitTests/Store/OutboxTests.cs"] = 410,
        ["tests/UnitTests/Sync/SyncerTests.cs"] = 336,
        ["tests/VectorTests/Ipam/IpamVectorRunner.cs"] = 338,
    };

    // Folders that hold more than a reader can take in.
    private static readonly StatedLimit FolderFiles = new(30);

    // Lines wider than what .editorconfig declares, in all of a project: the formatter does not break them.
    private static readonly StatedLimit WideLines = new(0)
    {
        ["Calico.Abstractions"] = 8,
        ["Calico.AdapterBuild"] = 22,
        ["Calico.Dataplane"] = 150,
        ["Calico.Datastore"] = 144,
        ["Calico.EmbeddedStore"] = 24,
        ["Calico.Felix"] = 31,
        ["Calico.Host"] = 392,
        ["Calico.Ipam"] = 158,
        ["Calico.Linux"] = 52,
        ["Calico.Shim"] = 7,
        ["Calico.Templates"] = 1,
        ["Plugins.Cni"] = 44,
        ["bench"] = 67,
        ["calicoctl"] = 128,
        ["tests/Calico.TestKit"] = 47,
        ["tests/KernelTests"] = 132,
        ["tests/Plugins"] = 5,
        ["tests/SystemTests"] = 165,
        ["tests/UnitTests"] = 894,
        ["tests/VectorTests"] = 71,
    };

    [Test]
    public void S10_a_file_has_250_lines_at_most() =>
        FileLines.Holds(SourceTree.Files.Select(file => KeyValuePair.Create(file.Path, file.Lines.Length)));

    [Test]
    public void S10_a_folder_has_30_files_at_most() => FolderFiles.Holds(SourceTree.Files.CountBy(file => file.Folder));

    [Test]
    public void S10_no_project_gets_more_wide_lines()
    {
        var wide = SourceTree.Files.GroupBy(file => file.Project)
            .Select(project => KeyValuePair.Create(project.Key, project.Sum(file => file.Lines.Count(line => line.Length > Width))));
        WideLines.Holds(wide);
    }
}
