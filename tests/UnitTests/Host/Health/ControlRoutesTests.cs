using System.Net;
using System.Net.Sockets;
using Calico.Host.Health;
using Microsoft.Extensions.Logging.Abstractions;
using NUnit.Framework;

namespace Calico.UnitTests.Host.Health;

/// <summary>What the control socket answers to whom, over the socket.</summary>
[TestFixture]
public sealed class ControlRoutesTests
{
    private DirectoryInfo _folder = null!;
    private ControlApi _api = null!;
    private string _path = "";

    [SetUp]
    public async Task StartAsync()
    {
        _folder = Directory.CreateTempSubdirectory("calico-routes-");
        _path = Path.Combine(_folder.FullName, "host.sock");
        _api = await ControlApi.StartAsync(_path, [new Parts()], NullLoggerFactory.Instance, CancellationToken.None);
    }

    [TearDown]
    public async Task StopAsync()
    {
        await _api.DisposeAsync();
        _folder.Delete(recursive: true);
    }

    [TestCase("GET", "live", HttpStatusCode.OK, "ok\n")]
    [TestCase("GET", "live?x=1", HttpStatusCode.OK, "ok\n")]
    [TestCase("GET", "live/", HttpStatusCode.OK, "ok\n")]
    [TestCase("GET", "live//", HttpStatusCode.NotFound, "there is no /live//\n")]
    [TestCase("GET", "LIVE", HttpStatusCode.OK, "ok\n")]
    [TestCase("GET", "nobody", HttpStatusCode.NotFound, "there is no /nobody\n")]
    [TestCase("GET", "live/more", HttpStatusCode.NotFound, "there is no /live/more\n")]
    [TestCase("GET", "", HttpStatusCode.NotFound, "there is no /\n")]
    [TestCase("POST", "live", HttpStatusCode.MethodNotAllowed, "/live is read with GET\n")]
    [TestCase("DELETE", "live", HttpStatusCode.MethodNotAllowed, "/live is read with GET\n")]
    [TestCase("GET", "absent", HttpStatusCode.NotFound, "no such thing\n")]
    [TestCase("GET", "refused", HttpStatusCode.ServiceUnavailable, "not now\n")]
    [TestCase("GET", "broken", HttpStatusCode.InternalServerError, "an error nobody expected; the host's log has it\n")]
    public async Task It_answers_in_words(string method, string path, HttpStatusCode status, string text)
    {
        using var client = new HttpClient(new SocketsHttpHandler { ConnectCallback = ConnectAsync }) { BaseAddress = new("http://host/") };
        using var answer = await client.SendAsync(new(new(method), path));
        Assert.That(answer.StatusCode, Is.EqualTo(status));
        Assert.That(await answer.Content.ReadAsStringAsync(), Is.EqualTo(text));
        Assert.That(answer.Content.Headers.Allow, Is.EquivalentTo((string[])(status == HttpStatusCode.MethodNotAllowed ? ["GET"] : [])));
    }

    [Test]
    public void A_path_of_two_parts_is_a_fault_of_the_program()
    {
        var routes = new ControlRoutes();
        routes.MapGet("/live", context => ControlApi.SayAsync(context, 200, "ok"));
        Assert.That(() => routes.MapGet("/live", context => ControlApi.SayAsync(context, 200, "ok")), Throws.ArgumentException);
    }

    private async ValueTask<Stream> ConnectAsync(SocketsHttpConnectionContext context, CancellationToken ct)
    {
        var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        await socket.ConnectAsync(new UnixDomainSocketEndPoint(_path), ct);
        return new NetworkStream(socket, ownsSocket: true);
    }

    private sealed class Parts : IControlRoutes
    {
        public void Map(ControlRoutes routes)
        {
            routes.MapGet("/live", context => ControlApi.SayAsync(context, 200, "ok"));
            routes.MapGet("/absent", _ => throw new CalicoException(Problem.NotFound, "no such thing"));
            routes.MapGet("/refused", _ => throw new CalicoException(Problem.Unavailable, "not now"));
            routes.MapGet("/broken", _ => throw new InvalidOperationException("an inner matter"));
        }
    }
}
