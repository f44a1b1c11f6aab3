using System.Net;
using System.Net.Sockets;
using System.Text;
using Calico.Datastore.Store;
using Calico.EmbeddedStore;
using Calico.TestKit.Store;
using Etcdserverpb;
using Google.Protobuf;
using Grpc.Core;
using Grpc.Net.Client;
using Microsoft.Extensions.Logging.Abstractions;
using NUnit.Framework;

namespace Calico.SystemTests.Store;

[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public sealed class EtcdApiServerTests : IAsyncDisposable
{
    private readonly EmbeddedServer _server = EmbeddedServer.StartAsync().GetAwaiter().GetResult();

    public ValueTask DisposeAsync() => _server.DisposeAsync();

    [Test]
    public void The_socket_is_private()
    {
        if (!OperatingSystem.IsWindows())
        {
            Assert.That(File.GetUnixFileMode(_server.SocketPath), Is.EqualTo(UnixFileMode.UserRead | UnixFileMode.UserWrite));
        }
    }

    [Test]
    public async Task It_does_not_listen_beyond_loopback_nor_nowhere()
    {
        foreach (var options in (EtcdApiOptions[])[new() { Loopback = new IPEndPoint(IPAddress.Any, 0) }, new()])
        {
            var error = await Assert.ThrowsAsync<CalicoException>(() =>
                EtcdApiServer.StartAsync(_server.Engine, options, NullLoggerFactory.Instance, default));
            Assert.That(error!.Problem, Is.EqualTo(Problem.Invalid));
        }
    }

    [Test]
    public async Task It_serves_a_socket_that_somebody_else_bound()
    {
        var path = Path.Combine(_server.Folder, "bound.sock");
        var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        socket.Bind(new UnixDomainSocketEndPoint(path));
        await using var second = await EtcdApiServer.StartAsync(_server.Engine, new EtcdApiOptions { BoundSocket = socket },
            NullLoggerFactory.Instance, default);
        await using var store = EmbeddedServer.Connect($"unix://{path}");
        Assert.That((await store.ListAsync("/", 0, default)).Items, Is.Empty);
    }

    [Test]
    public async Task Who_comes_before_it_serves_waits_and_is_answered()
    {
        var path = Path.Combine(_server.Folder, "early.sock");
        await using var early = EtcdApiServer.Listen(_server.Engine, new() { SocketPath = path }, NullLoggerFactory.Instance);
        await using var store = EmbeddedServer.Connect($"unix://{path}");
        var asked = store.ListAsync("/", 0, default);
        await early.ServeAsync(default);
        Assert.That((await asked).Items, Is.Empty);
    }

    [Test]
    public async Task One_that_is_closed_before_it_served_refuses()
    {
        var path = Path.Combine(_server.Folder, "closed.sock");
        await EtcdApiServer.Listen(_server.Engine, new() { SocketPath = path }, NullLoggerFactory.Instance).DisposeAsync();
        using var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        Assert.That(() => socket.Connect(new UnixDomainSocketEndPoint(path)), Throws.InstanceOf<SocketException>());
    }

    [Test]
    public async Task A_transaction_inside_a_transaction_is_refused_by_name()
    {
        using var channel = GrpcChannel.ForAddress(_server.TcpEndpoint);
        var request = new TxnRequest { Success = { new RequestOp { RequestTxn = new TxnRequest() } } };
        var error = await Assert.ThrowsAsync<RpcException>(() => new KV.KVClient(channel).TxnAsync(request).ResponseAsync);
        Assert.That(error!.Status, Is.EqualTo(new Status(StatusCode.Unimplemented,
            "etcdserver: transaction: transactions inside transactions are not supported")));
    }

    [Test]
    public async Task Keys_are_bytes()
    {
        using var channel = GrpcChannel.ForAddress(_server.TcpEndpoint);
        var client = new KV.KVClient(channel);
        var key = ByteString.CopyFrom(0xff, 0x00, 0x80);
        await client.PutAsync(new PutRequest { Key = key, Value = ByteString.CopyFrom(0, 255) });
        var found = await client.RangeAsync(new RangeRequest { Key = ByteString.CopyFrom(0xff), RangeEnd = ByteString.CopyFrom(0) });
        Assert.That((found.Kvs[0].Key, found.Kvs[0].Value), Is.EqualTo((key, ByteString.CopyFrom(0, 255))));
    }

    [Test]
    public async Task One_stream_carries_many_watches_with_filters_and_progress_after_the_changes()
    {
        using var channel = GrpcChannel.ForAddress(_server.TcpEndpoint);
        using var call = new Watch.WatchClient(channel).Watch();
        foreach (var filter in (WatchCreateRequest.Types.FilterType[])[WatchCreateRequest.Types.FilterType.Noput,
            WatchCreateRequest.Types.FilterType.Nodelete])
        {
            await call.RequestStream.WriteAsync(new WatchRequest
            {
                CreateRequest = new WatchCreateRequest { Key = ByteString.CopyFromUtf8("/a"), Filters = { filter } },
            });
        }

        Assert.That(await ReadAsync(call), Is.EqualTo("0 created"));
        Assert.That(await ReadAsync(call), Is.EqualTo("1 created"));
        await _server.Engine.Store.CommitAsync(new StoreTransaction(new StoreOperation.Put("/a", "1"u8.ToArray())), default);
        await _server.Engine.Store.CommitAsync(new StoreTransaction(new StoreOperation.Delete("/a")), default);
        await call.RequestStream.WriteAsync(new WatchRequest { ProgressRequest = new WatchProgressRequest() });
        await call.RequestStream.WriteAsync(new WatchRequest { CancelRequest = new WatchCancelRequest { WatchId = 0 } });
        var seen = new List<string>();
        while (seen.Count < 4)
        {
            seen.Add(await ReadAsync(call));
        }

        Assert.That(seen, Is.EquivalentTo(["1 Put /a", "0 Delete /a", "-1 at 3", "0 canceled"]));
        Assert.That(seen.IndexOf("-1 at 3"), Is.GreaterThan(seen.IndexOf("1 Put /a")).And.GreaterThan(seen.IndexOf("0 Delete /a")));
    }

    [Test]
    public async Task A_large_backlog_comes_in_messages_a_client_can_take()
    {
        var value = new byte[1_000_000];
        for (var i = 0; i < 90; i++)
        {
            await _server.Engine.Store.CommitAsync(new StoreTransaction(new StoreOperation.Put($"/big/{i:d2}", value)), default);
        }

        await using var store = EmbeddedServer.Connect(_server.UnixEndpoint);
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(30));
        await using var watch = new WatchReader(store, "/big/", 2, limit.Token);
        for (var i = 0; i < 90; i++)
        {
            Assert.That((await watch.NextAsync())[..7], Is.EqualTo($"put {i:d2}="));
        }
    }

    private static async Task<string> ReadAsync(AsyncDuplexStreamingCall<WatchRequest, WatchResponse> call)
    {
        Assert.That(await call.ResponseStream.MoveNext(default).WaitAsync(TimeSpan.FromSeconds(10)));
        var r = call.ResponseStream.Current;
        var what = r.Created ? "created" : r.Canceled ? "canceled" : r.Events.Count == 0 ? $"at {r.Header.Revision}"
            : string.Join(' ', r.Events.Select(e => $"{e.Type} {Encoding.UTF8.GetString(e.Kv.Key.Span)}"));
        return $"{r.WatchId} {what}";
    }
}
