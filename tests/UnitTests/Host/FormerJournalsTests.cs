using System.Collections.Immutable;
using System.Text;
using Calico.Datastore.Store;
using Calico.Host.Node;
using Calico.Host.Workloads;
using Calico.Host.Workloads.Profiles;
using Calico.Ipam;
using Calico.TestKit.Store;
using Microsoft.Extensions.Logging.Abstractions;
using NUnit.Framework;

namespace Calico.UnitTests.Host;

/// <summary>A node that is upgraded while its store is away keeps what the former version had journalled.</summary>
[TestFixture]
public sealed class FormerJournalsTests
{
    private const string Profiles = "/calico/resources/v3/projectcalico.org/profiles/";

    private readonly InMemoryNodeLog _log = new();

    [Test]
    public async Task What_a_former_version_had_journalled_is_taken_over_once_and_in_order()
    {
        await _log.CommitAsync(
        [
            Entry("ipam/writes/0000000000000000001",
                """{"number":1,"writes":[{"key":"/a","value":"MQ==","isPrefix":false},{"key":"/b","value":"MQ=="}]}"""),
            Entry("ipam/writes/0000000000000000002", """{"number":2,"writes":[{"key":"/a","isPrefix":false}]}"""),
            Entry("ipam/writes/0000000000000000003", """{"number":3,"writes":"""),
            Entry("profiles/made", """{"kind":"Profile"}"""),
            Entry("profiles/gone", """{"kind":"ProfileRemoval","uids":["u1"]}"""),
        ], default);

        await FormerJournals.TakeOverAsync(_log, New(), default);

        var outbox = New();
        Assert.That(outbox.PendingOf(new Owner(NodeIpam.OutboxOwner)).Select(Shown), Is.EqualTo(new[] { "/a - None ", "/b 1 None " }));
        Assert.That(outbox.PendingOf(new Owner(HostProfiles.OutboxOwner)).Select(Shown),
            Is.EqualTo(new[] { $"{Profiles}gone - Owner u1", $$"""{{Profiles}}made {"kind":"Profile"} Owner """ }));
        Assert.That(_log.List("ipam/").Concat(_log.List("profiles/")).Select(e => e.Key),
            Is.EqualTo(new[] { "ipam/writes/0000000000000000003" }), "what cannot be read is left alone");
        var before = _log.Commits;
        await FormerJournals.TakeOverAsync(_log, outbox, default);
        Assert.That(_log.Commits, Is.EqualTo(before));
    }

    private static string Shown(OutboxEntry entry) =>
        $"{entry.Key} {(entry.Value is null ? "-" : Encoding.UTF8.GetString(entry.Value))} {entry.Guard} {string.Join(' ', entry.Remarks)}";

    private static NodeLogWrite Entry(string key, string text) => new(key, Encoding.UTF8.GetBytes(text));

    private Outbox New() => new(_log, new InMemoryStore(), TimeProvider.System, NullLogger<Outbox>.Instance);

    private sealed record Owner(string Name) : IOutboxOwner
    {
        public bool IsAlone => true;

        public Task<IDisposable> HoldAsync(OutboxEntry entry, CancellationToken ct) => throw new NotSupportedException();

        public ValueTask<bool> MayWriteAsync(OutboxEntry entry, KeyValue? standing, CancellationToken ct) =>
            throw new NotSupportedException();

        public void Settle(OutboxEntry entry, OutboxResult result) => throw new NotSupportedException();
    }
}
