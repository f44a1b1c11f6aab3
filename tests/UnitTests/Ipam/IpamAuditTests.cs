using System.Collections.Immutable;
using System.Net;
using Calico.Ipam;
using Calico.TestKit.Store;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Time.Testing;
using NUnit.Framework;
using static Calico.UnitTests.Ipam.IpamCluster;

namespace Calico.UnitTests.Ipam;

[TestFixture]
public sealed class IpamAuditTests
{
    [Test]
    public async Task What_nobody_owns_is_freed_after_the_quarantine_and_nothing_else()
    {
        var time = new FakeTimeProvider();
        var cluster = Create(time).Pool("10.0.0.0/24", 26).Node("n");
        await using var ipam = cluster.NodeIpam("n", new InMemoryNodeLog());
        var kept = (await ipam.ClaimAsync("cni", Claim("kept"), Endpoint("kept"), null, default))[0];
        var linked = (await ipam.ClaimAsync("cni", Claim("linked"), Endpoint("linked"), null, default))[0];
        var gone = (await ipam.ClaimAsync("cni", Claim("gone"), Endpoint("gone"), null, default))[0];
        await ipam.ClaimAsync("docker", Claim("task", purpose: LeasePurpose.Scheduler), null, null, default);
        var sources = new Sources { Endpoints = [new("cni/kept", "n", [kept.Address], Endpoint("kept"))],
            Linked = [kept.Address, linked.Address] };
        var audit = new IpamAudit(cluster.Store, ipam, sources, "n", TimeSpan.FromMinutes(1), time, NullLogger<IpamAudit>.Instance);

        Assert.That((await audit.CollectAsync(default)).Freed, Is.Empty, "first sight");
        time.Advance(TimeSpan.FromMinutes(2));
        var (report, freed) = await audit.CollectAsync(default);

        Assert.That(freed, Is.EqualTo(new[] { gone.Address }));
        Assert.That(report.Findings.Select(f => (f.Problem, f.Address)), Is.EquivalentTo(new[]
        {
            (AuditProblem.EndpointMissing, (IPAddress?)linked.Address), (AuditProblem.EndpointMissing, gone.Address),
        }));
        Assert.That(cluster.Allocations().Values, Is.EquivalentTo(new[] { "kept", "linked", "task" }));
        Assert.That(cluster.Disagreements(), Is.Empty);
    }

    [Test]
    public async Task A_stale_lease_is_freed_while_its_endpoint_lives_on_with_another()
    {
        var time = new FakeTimeProvider();
        var cluster = Create(time).Pool("10.0.0.0/24", 26).Node("n");
        await using var ipam = cluster.NodeIpam("n", new InMemoryNodeLog());
        await ipam.ClaimAsync("cni", Claim("first-life"), Endpoint("w"), null, default);
        var now = (await ipam.ClaimAsync("cni", Claim("second-life"), Endpoint("w"), null, default))[0];
        var sources = new Sources { Endpoints = [new("cni/w", "n", [now.Address], Endpoint("w"))], Linked = [now.Address] };
        var audit = new IpamAudit(cluster.Store, ipam, sources, "n", TimeSpan.Zero, time, NullLogger<IpamAudit>.Instance);

        await audit.CollectAsync(default);
        await audit.CollectAsync(default);

        Assert.That(cluster.Allocations().Values, Is.EqualTo(new[] { "second-life" }));
    }

    [TestCase(false, ExpectedResult = 1, Description = "an incomplete report collects nothing")]
    [TestCase(true, ExpectedResult = 0)]
    public async Task<int> Only_a_complete_report_collects(bool complete)
    {
        var time = new FakeTimeProvider();
        var cluster = Create(time).Pool("10.0.0.0/24", 26).Node("n");
        await using var ipam = cluster.NodeIpam("n", new InMemoryNodeLog());
        await ipam.ClaimAsync("docker", Claim("gone"), Endpoint("gone"), null, default);
        var sources = new Sources { Linked = [], Live = new(complete, time.GetUtcNow(), [], []) };
        var audit = new IpamAudit(cluster.Store, ipam, sources, "n", TimeSpan.Zero, time, NullLogger<IpamAudit>.Instance);

        await audit.CollectAsync(default);
        await audit.CollectAsync(default);

        return cluster.Allocations().Count;
    }

    [Test]
    public async Task Every_disagreement_is_named()
    {
        var cluster = Create().Pool("10.0.0.0/24", 26).Node("n");
        await cluster.Client.AssignAsync(new(Ip("10.0.0.1"), "n", "h"), default);
        await cluster.Client.AssignAsync(new(Ip("10.0.0.2"), "n", "h2"), default);
        cluster.Store.Set("/calico/ipam/v2/handle/h", """{"block":{"10.0.0.0/26":3},"deleted":false}""");
        cluster.Store.Set("/calico/ipam/v2/host/other/ipv4/block/10.0.0.0-26", """{"state":"confirmed"}""");
        cluster.Store.Set("/calico/ipam/v2/assignment/ipv4/block/10.0.0.64-26", "{");

        var report = IpamReport.Of(await IpamSnapshot.ReadAsync(cluster.Store, null, default),
        [
            new("one", "n", [Ip("10.0.0.2"), Ip("10.0.0.9"), Ip("172.16.0.1")]),
            new("two", "n", [Ip("10.0.0.2")]),
        ]);

        Assert.That(report.Findings.Select(f => f.Problem), Is.EquivalentTo(new[]
        {
            AuditProblem.Leaked, AuditProblem.UsedTwice, AuditProblem.NotAllocated, AuditProblem.OutsidePools, AuditProblem.HandleDisagrees,
            AuditProblem.AffinityDisagrees, AuditProblem.BlockDamaged,
        }));
    }

    private sealed class Sources : IAuditSources
    {
        public ImmutableArray<AuditedEndpoint> Endpoints { get; init; } = [];

        public ImmutableHashSet<IPAddress> Linked { get; init; } = [];

        public LiveReport? Live { get; init; }

        public ValueTask<ImmutableArray<AuditedEndpoint>> EndpointsAsync(CancellationToken ct) => new(Endpoints);

        public ValueTask<LiveReport?> LiveAsync(string adapter, CancellationToken ct) => new(Live);

        public ValueTask<ImmutableHashSet<IPAddress>?> LinkedAsync(CancellationToken ct) => new(Linked);
    }
}
