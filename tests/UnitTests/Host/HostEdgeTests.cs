using System.Collections.Immutable;
using System.Net.Sockets;
using System.Text;
using Calico.Host.Health;
using Calico.Host.Node;
using Calico.Host.Workloads;
using Calico.TestKit.Store;
using Microsoft.Extensions.Logging.Abstractions;
using NUnit.Framework;

namespace Calico.UnitTests.Host;

/// <summary>Row C1 of issue 13: whatever comes to an edge of the host is read or refused, and never ends it.</summary>
[TestFixture]
public sealed class HostEdgeTests
{
    [Test]
    public void C1_a_record_of_the_node_log_is_whole_or_damaged()
    {
        var record = new EndpointRecord
        {
            Orchestrator = "cni", Workload = "c1", Endpoint = "eth0", Instance = "c1", Adapter = "cni", HostInterface = "cali1",
                Mac = "02:00:00:00:00:01",
            Addresses = ["10.65.0.2/32"], Gateway4 = "169.254.1.1", Routes = [new("0.0.0.0/0", "169.254.1.1")],
                NamedPorts = [new("web", 6, 80)], Profiles = ["net"],
            Leases = [new("10.65.0.2", "net.c1", LeasePurpose.Endpoint, "net", 7, DateTimeOffset.UnixEpoch)],
                AllowedSources = ["10.9.0.0/16"], Ports = [new(6, "192.0.2.1", 80, 80, 80)],
        };
        var whole = Encoding.UTF8.GetString(record.ToWrite().Value!.Value.Span);
        Assert.That(EndpointRecord.Read(record.Key, Encoding.UTF8.GetBytes(whole)).Addresses, Is.EqualTo(record.Addresses));
        Assert.That(() => EndpointRecord.Read(EndpointRecord.Section + "cni/other/eth0", Encoding.UTF8.GetBytes(whole)),
            Throws.InstanceOf<CalicoException>(), "of another key");
        string[] values = ["null", "\"\"", "\"x\"", "7", "[]", "[null]", "[\"x\"]", "{}", "1e400", "-1", "\"10.0.0.1/99\""];
        var names = whole.Split('"').Where((_, i) => i % 2 == 1).Distinct().ToArray();
        foreach (var name in names)
        {
            foreach (var value in values)
            {
                Read(record.Key, System.Text.RegularExpressions.Regex.Replace(whole,
                    $"\"{System.Text.RegularExpressions.Regex.Escape(name)}\":(\\[[^\\]]*\\]|\"[^\"]*\"|[^,}}]*)", $"\"{name}\":{value}"));
            }
        }

        var random = new Random(Seed());
        for (var i = 0; i < 3000; i++)
        {
            var bytes = Encoding.UTF8.GetBytes(whole);
            bytes[random.Next(bytes.Length)] = (byte)random.Next(256);
            Read(record.Key, Encoding.Latin1.GetString(bytes));
        }
    }

    [Test]
    public async Task C1_whatever_is_sent_to_the_control_socket_the_next_one_is_answered()
    {
        var folder = Directory.CreateTempSubdirectory("calico-api-");
        var path = Path.Combine(folder.FullName, "host.sock");
        await using (var api = await ControlApi.StartAsync(path, [new FailingRoutes()], NullLoggerFactory.Instance, CancellationToken.None))
        {
            string[] seeds = ["GET /live HTTP/1.1\r\nHost: x\r\n\r\n", "GET /status HTTP/1.1\r\nHost: x\r\n\r\n",
                "GET /program?interface=%00%ff%u1 HTTP/1.1\r\nHost: x\r\n\r\n", "POST /live HTTP/1.1\r\nContent-Length: 99\r\n\r\n"];
            var random = new Random(Seed());
            for (var i = 0; i < 300; i++)
            {
                var bytes = Encoding.Latin1.GetBytes(seeds[i % seeds.Length]);
                for (var n = i < seeds.Length ? 0 : random.Next(1, 6); n > 0; n--)
                {
                    bytes[random.Next(bytes.Length)] = (byte)random.Next(256);
                }

                using var socket = await ConnectAsync(path);
                await socket.SendAsync(bytes);
                if (i % 3 == 0)
                {
                    socket.Shutdown(SocketShutdown.Send);
                }
            }

            using var last = await ConnectAsync(path);
            await last.SendAsync(Encoding.ASCII.GetBytes(seeds[0]));
            var answer = new byte[64];
            var read = await last.ReceiveAsync(answer).WaitAsync(TimeSpan.FromSeconds(20));
            Assert.That(Encoding.ASCII.GetString(answer, 0, read), Does.StartWith("HTTP/1.1 200"));
        }

        folder.Delete(recursive: true);
    }

    private static async Task<Socket> ConnectAsync(string path)
    {
        var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        await socket.ConnectAsync(new UnixDomainSocketEndPoint(path));
        return socket;
    }

    private static void Read(string key, string text)
    {
        try
        {
            var record = EndpointRecord.Read(key, Encoding.UTF8.GetBytes(text));
            _ = (LocalEndpoints.From(record), record.ToAttachment(EndpointState.Prepared, ""));
        }
        catch (CalicoException e) when (e.Problem == Problem.Damaged)
        {
            // Named, and its interface stays closed.
        }
    }

    private static int Seed()
    {
        var seed = Environment.TickCount;
        TestContext.Out.WriteLine($"seed {seed}");
        return seed;
    }

    private sealed class FailingRoutes : IControlRoutes
    {
        public void Map(ControlRoutes routes)
        {
            routes.MapGet("/live", context => ControlApi.SayAsync(context, 200, "ok"));
            routes.MapGet("/status", _ => throw new InvalidOperationException("a part that fails"));
            routes.MapGet("/program", context => ControlApi.SayAsync(context, 200, context.Request.Query["interface"].ToString()));
        }
    }
}
