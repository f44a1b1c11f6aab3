using System.Collections.Concurrent;
using dotnet_etcd;
using Etcdserverpb;
using Google.Protobuf;
using Grpc.Core;
using Mvccpb;
using NUnit.Framework;

namespace Calico.SystemTests.Store;

/// <summary>Another author's client against the embedded store: what it takes for granted is etcd's behaviour, not ours.</summary>
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public sealed class EtcdClientTests : IAsyncDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(10);

    private readonly EmbeddedServer _server = EmbeddedServer.StartAsync().GetAwaiter().GetResult();
    private readonly EtcdClient _client;

    public EtcdClientTests() =>
        _client = new(_server.TcpEndpoint, configureChannelOptions: options => options.Credentials = ChannelCredentials.Insecure);

    public ValueTask DisposeAsync()
    {
        _client.Dispose();
        return _server.DisposeAsync();
    }

    [Test]
    public async Task S9_values_are_put_listed_and_deleted()
    {
        await _client.PutAsync("/calico/a", "1");
        await _client.PutAsync("/calico/b", "2");
        await _client.PutAsync("/other", "3");

        Assert.That(await _client.GetValAsync("/calico/a"), Is.EqualTo("1"));
        Assert.That(await _client.GetRangeValAsync("/calico/"),
            Is.EqualTo(new Dictionary<string, string> { ["/calico/a"] = "1", ["/calico/b"] = "2" }));
        Assert.That((await _client.DeleteRangeAsync("/calico/")).Deleted, Is.EqualTo(2));
        Assert.That(await _client.GetValAsync("/calico/a"), Is.Empty);
        Assert.That(await _client.GetValAsync("/other"), Is.EqualTo("3"));
    }

    [Test]
    public async Task S9_a_transaction_compares_and_swaps()
    {
        await _client.PutAsync("/a", "1");
        var revision = (await _client.GetAsync("/a")).Kvs.Single().ModRevision;

        Assert.That((await _client.TransactionAsync(Swap(revision, "2"))).Succeeded, Is.True);
        var lost = await _client.TransactionAsync(Swap(revision, "3"));
        Assert.That((lost.Succeeded, lost.Responses.Single().ResponseRange.Kvs.Single().Value.ToStringUtf8()), Is.EqualTo((false, "2")));
    }

    [Test]
    public async Task S9_a_watch_tells_every_change_in_order()
    {
        using var told = new BlockingCollection<Event>();
        using var created = new SemaphoreSlim(0);
        var watch = await _client.WatchAsync(new WatchRequest
        {
            CreateRequest = new WatchCreateRequest { Key = ByteString.CopyFromUtf8("/w"), RangeEnd = ByteString.CopyFromUtf8("/x"),
                PrevKv = true },
        }, response =>
        {
            if (response.Created)
            {
                created.Release();
            }

            foreach (var change in response.Events)
            {
                told.Add(change);
            }
        });
        Assert.That(await created.WaitAsync(Patience), Is.True);
        await _client.PutAsync("/w/a", "1");
        await _client.PutAsync("/w/a", "2");
        await _client.PutAsync("/x", "no");
        await _client.DeleteAsync("/w/a");

        Assert.That(Enumerable.Range(0, 3).Select(_ => told.TryTake(out var change, Patience)
            ? $"{change.Type} {change.Kv.Value.ToStringUtf8()} {change.PrevKv?.Value.ToStringUtf8()}" : "nothing"),
            Is.EqualTo(new[] { "Put 1 ", "Put 2 1", "Delete  2" }));
        _client.CancelWatch(watch);
    }

    [Test]
    public async Task S9_what_a_lease_holds_goes_with_it()
    {
        var lease = await _client.LeaseGrantAsync(new LeaseGrantRequest { TTL = 60 });
        await _client.PutAsync(new PutRequest { Key = ByteString.CopyFromUtf8("/leased"), Value = ByteString.CopyFromUtf8("x"),
            Lease = lease.ID });
        var kept = new TaskCompletionSource<LeaseKeepAliveResponse>(TaskCreationOptions.RunContinuationsAsynchronously);
        await _client.LeaseKeepAlive(new LeaseKeepAliveRequest { ID = lease.ID }, answer => kept.TrySetResult(answer),
            CancellationToken.None);

        Assert.That((await kept.Task.WaitAsync(Patience)).TTL, Is.EqualTo(60));
        Assert.That((await _client.LeaseTimeToLiveAsync(new LeaseTimeToLiveRequest { ID = lease.ID, Keys = true })).Keys.Single()
            .ToStringUtf8(), Is.EqualTo("/leased"));
        await _client.LeaseRevokeAsync(new LeaseRevokeRequest { ID = lease.ID });
        Assert.That(await _client.GetValAsync("/leased"), Is.Empty);
    }

    [Test]
    public async Task S9_what_was_compacted_is_refused_in_etcds_words_and_the_status_is_etcds()
    {
        await _client.PutAsync("/a", "1");
        await _client.PutAsync("/a", "2");
        await _client.CompactAsync(new CompactionRequest { Revision = 3 });
        var error = await Assert.ThrowsAsync<RpcException>(() =>
            _client.GetAsync(new RangeRequest { Key = ByteString.CopyFromUtf8("/a"), Revision = 2 }));
        Assert.That((error!.StatusCode, error.Status.Detail),
            Is.EqualTo((StatusCode.OutOfRange, "etcdserver: mvcc: required revision has been compacted")));
        Assert.That((await _client.StatusAsync(new StatusRequest())).Version, Does.StartWith("3."));
    }

    private static TxnRequest Swap(long revision, string value) => new()
    {
        Compare = { new Compare { Key = ByteString.CopyFromUtf8("/a"), Target = Compare.Types.CompareTarget.Mod,
            Result = Compare.Types.CompareResult.Equal, ModRevision = revision } },
        Success = { new RequestOp { RequestPut = new PutRequest { Key = ByteString.CopyFromUtf8("/a"),
            Value = ByteString.CopyFromUtf8(value) } } },
        Failure = { new RequestOp { RequestRange = new RangeRequest { Key = ByteString.CopyFromUtf8("/a") } } },
    };
}
