using System.Diagnostics.CodeAnalysis;
using System.Net;
using System.Runtime.Versioning;
using NUnit.Framework;

namespace Calico.UnitTests.Docker;

/// <summary>Every recorded scenario of one host, against the adapter.</summary>
[TestFixture]
[SuppressMessage("Design", "CA1001", Justification = "TearDown disposes it.")]
[UnsupportedOSPlatform("windows")]
public sealed class RecordedDaemonTests
{
    // One life of a daemon: each recording goes on where the one before ended.
    private static readonly string[] OneLife =
    [
        "01-net-create-driver-only",
        "02-net-create-ipam-remote",
        "03-net-create-all-options",
        "04-net-create-ipv6",
        "05-net-create-internal",
        "06-net-create-two-subnets",
        "07-net-create-v6-remote-no-subnet",
        "09-ipam-pool-without-gateway-data",
        "10-run",
        "11-run-all-options",
        "12-run-publish-all",
        "13-run-driver-opt",
        "14-run-dual-stack",
        "15-run-internal",
        "16-run-docker-ipam",
        "17-create-only",
        "20-connect",
        "20b-connect-same-gateway",
        "21-disconnect",
        "22-disconnect-force",
        "23-connect-stopped",
        "24-stop-start",
        "25-restart",
        "26-exit-by-itself",
        "27-restart-policy",
        "28-kill9-container",
        "30-rm",
        "32-run-rm",
        "34-net-rm",
        "35-net-prune",
        "40-daemon-graceful-restart",
        "41-daemon-kill9",
        "42-live-restore-start",
        "43-live-restore-term",
        "44-live-restore-kill9",
        "45-after-live-restore-rm",
        "48-plugin-back",
        "50-fail-CreateNetwork",
        "50-fail-RequestPool",
        "51-fail-CreateEndpoint",
        "51-fail-EndpointOperInfo",
        "51-fail-Join",
        "51-fail-ProgramExternalConnectivity",
        "51-fail-RequestAddress",
        "52-fail-DeleteEndpoint",
        "52-fail-Leave",
        "52-fail-ReleaseAddress",
        "52-fail-RevokeExternalConnectivity",
        "53-fail-DeleteNetwork",
        "53-fail-ReleasePool",
        "54-ipam-requires-mac",
        "55-disable-gateway-service",
        "56-ipam-only-plugin",
        "60-discover-spec",
        "69-compose",
        "70-new-cli",
    ];

    private DockerHarness _docker = null!;

    [SetUp]
    public async Task StartAsync()
    {
        if (RecordedDaemon.Folder is null)
        {
            Assert.Ignore("CALICO_REFERENCE names no folder with recordings");
        }

        _docker = await DockerHarness.StartAsync();
        _docker.Node.Pools =
        [
            .. Enumerable.Range(77, 18).Select(n => new AddressPool($"p{n}", IPNetwork.Parse($"10.{n}.0.0/16"), 26, Disabled: false)),
            new AddressPool("p6", IPNetwork.Parse("fd77:1::/64"), 122, Disabled: false),
        ];
    }

    [TearDown]
    public async Task EndAsync()
    {
        if (_docker is not null)
        {
            await _docker.DisposeAsync();
        }
    }

    [Test]
    public async Task Every_call_that_a_daemon_made_in_one_life_is_answered_and_every_address_has_its_endpoint()
    {
        var daemon = new RecordedDaemon(_docker);
        var refused = new List<string>();
        foreach (var recording in OneLife)
        {
            refused.AddRange(await daemon.PlayAsync(recording));
            // The host may die between any two commands: what it knows is on disk.
            await _docker.RestartAsync();
        }

        Assert.That(string.Join('\n', refused), Is.Empty);
        var endpoints = _docker.Node.Endpoints.Select(e => e.Spec.Id).ToHashSet();
        var leases = _docker.Node.Leases.Where(l => l.Purpose != LeasePurpose.Network);
        Assert.That(leases.Where(l => l.BoundTo is not { } owner || !endpoints.Contains(owner)), Is.Empty, "an address that nobody has");
        var doubled = _docker.Node.Endpoints.SelectMany(e => e.Bound).GroupBy(a => a).Where(g => g.Count() > 1);
        Assert.That(doubled, Is.Empty, "an address that two have");
        Assert.That(_docker.Node.Links, Has.Length.EqualTo(_docker.Node.Endpoints.Count(e => e.IsLinked)));
    }
}
