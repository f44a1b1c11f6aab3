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
        ["Calico.Dataplane/Workloads/WorkloadWiring.cs"] = 500,
        // The turn of the loop, and what may interrupt it, is one story.
        ["Calico.Dataplane/Enforcement.cs"] = 364,
        // A route, and every way in which another can take its place.
        ["Calico.Dataplane/Reconciliation/RouteReconciler.cs"] = 269,
        // One shape of kernel object, an arm each for what it can hold.
        ["Calico.Dataplane/Strangers/NftRuleReading.cs"] = 314,
        ["Calico.Linux/Nftables/NftReader.cs"] = 319,
        // As far as braces carried them.
        ["Calico.Linux/Netlink/NetlinkSocket.cs"] = 257,
        ["tests/VectorTests/Cni/CniVectorRunner.cs"] = 262,
        // Ported from upstream branch by branch, so that the two can be read side by side.
        ["Calico.Ipam/Changes/AutoAssignment.cs"] = 407,
        ["Calico.Ipam/Changes/ExactAssignment.cs"] = 270,
        ["Calico.Ipam/Changes/IpamChange.cs"] = 366,
        // A transaction and its undo.
        ["Calico.EmbeddedStore/Storage/StoreFile.Opening.cs"] = 371,
        ["Calico.Host/Workloads/WorkloadConnector.cs"] = 291,
        // To be split.
        ["Calico.Datastore/Resources/Client/ResourceClient.cs"] = 341,
        ["Plugins.Cni/CniServer.cs"] = 344,
        ["Plugins.Cni/Protocol/NetworkConfiguration.cs"] = 302,
        // Suites and stand-ins, to be split by what they are about.
        ["tests/Calico.TestKit/Store/InMemoryStore.cs"] = 408,
        ["tests/Calico.TestKit/Store/KeyValueStoreConformance.cs"] = 345,
        ["tests/Calico.TestKit/Workloads/Conformance/AdapterConformance.cs"] = 279,
        ["tests/Calico.TestKit/Workloads/FakeWorkloads.cs"] = 455,
        ["tests/KernelTests/Dataplane/GapTests.cs"] = 285,
        ["tests/KernelTests/Dataplane/LifeTests.cs"] = 370,
        ["tests/KernelTests/Dataplane/LinkTests.cs"] = 349,
        ["tests/KernelTests/Linux/NftChangeTests.cs"] = 358,
        ["tests/KernelTests/Linux/NftRoundTripTests.cs"] = 293,
        ["tests/KernelTests/Linux/RouteRoundTripTests.cs"] = 499,
        ["tests/SystemTests/Host/SwallowedPathTests.cs"] = 258,
        ["tests/UnitTests/Cli/ResourceCommandTests.cs"] = 289,
        ["tests/UnitTests/Cni/CniServerTests.cs"] = 551,
        ["tests/UnitTests/Cni/ShimTests.cs"] = 403,
        ["tests/UnitTests/Host/HostUnderTest.cs"] = 281,
        ["tests/UnitTests/Host/LostFactsTests.cs"] = 310,
        ["tests/UnitTests/Host/Plugins/PluginCommandsTests.cs"] = 354,
        ["tests/UnitTests/Host/Plugins/TrustedPluginTests.cs"] = 272,
        ["tests/UnitTests/Host/SettingsReaderTests.cs"] = 277,
        ["tests/UnitTests/Host/WhatFailsIsSaidTests.cs"] = 314,
        ["tests/UnitTests/Ipam/AllocationBlockTests.cs"] = 365,
        ["tests/UnitTests/Ipam/NodeIpamPropertyTests.cs"] = 307,
        ["tests/UnitTests/Ipam/NodeIpamTests.cs"] = 344,
        ["tests/UnitTests/Ipam/PoolOverlapTests.cs"] = 279,
        ["tests/UnitTests/Linux/NftMessageTests.cs"] = 397,
        ["tests/UnitTests/Linux/RouteMessageTests.cs"] = 251,
        ["tests/UnitTests/Store/EmbeddedEngineTests.Files.cs"] = 273,
        ["tests/UnitTests/Store/OutboxTests.cs"] = 418,
        ["tests/UnitTests/Sync/SyncerTests.cs"] = 343,
        // As far as the breaking of wide lines carried them.
        ["Calico.Felix/Calculation/RuleCompiler.cs"] = 251,
        ["Calico.Ipam/Leases/NodeIpam.cs"] = 259,
        ["tests/Calico.TestKit/Workloads/Conformance/AdapterConformance.WholeLife.cs"] = 254,
        ["tests/KernelTests/Dataplane/UnderTrafficTests.cs"] = 255,
        ["tests/UnitTests/Cli/MannersTests.cs"] = 277,
        ["tests/UnitTests/Cli/OutputTests.cs"] = 256,
        ["tests/UnitTests/Cni/NetworkConfigurationTests.cs"] = 263,
        ["tests/UnitTests/Dataplane/EnforcementTests.cs"] = 259,
        ["tests/UnitTests/Felix/RandomPolicies.cs"] = 257,
        ["tests/UnitTests/Host/Workloads/HostProfilesTests.cs"] = 251,
        ["tests/VectorTests/Ipam/IpamSteps.cs"] = 255,
        ["tests/VectorTests/Ipam/IpamVectorRunner.cs"] = 350,
    };

    // Folders that hold more than a reader can take in.
    private static readonly StatedLimit FolderFiles = new(30);

    // Lines wider than what .editorconfig declares, in all of a project: texts in one piece (JSON, expressions), messages of many holes.
    private static readonly StatedLimit WideLines = new(0)
    {
        ["Calico.Dataplane"] = 2,
        ["Calico.Host"] = 7,
        ["Calico.Ipam"] = 1,
        ["bench"] = 1,
        ["calicoctl"] = 6,
        ["tests/Calico.TestKit"] = 3,
        ["tests/KernelTests"] = 2,
        ["tests/SystemTests"] = 12,
        ["tests/UnitTests"] = 94,
        ["tests/VectorTests"] = 2,
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
