using System.Net;
using System.Net.Sockets;
using System.Text;

namespace Calico.UnitTests.Host.Plugins;

/// <summary>An HTTP feed (NuGet server API, PackageBaseAddress/3.0.0) that has Acme.Hello 1.0.0.</summary>
internal sealed class HttpFeed : IDisposable
{
    private readonly HttpListener _listener = new();

    /// <param name="package">What it hands out; null: it breaks off.</param>
    public HttpFeed(byte[]? package)
    {
        using (var free = new TcpListener(IPAddress.Loopback, 0))
        {
            free.Start();
            Address = $"http://127.0.0.1:{((IPEndPoint)free.LocalEndpoint).Port}/";
        }

        _listener.Prefixes.Add(Address);
        _listener.Start();
        _ = ServeAsync(package);
    }

    public string Index => Address + "index.json";

    private string Address { get; }

    public void Dispose() => _listener.Close();

    private async Task ServeAsync(byte[]? package)
    {
        while (_listener.IsListening)
        {
            HttpListenerContext call;
            try
            {
                call = await _listener.GetContextAsync();
            }
            catch (Exception e) when (e is HttpListenerException or ObjectDisposedException)
            {
                return;
            }

            if (call.Request.Url!.AbsolutePath.EndsWith(".nupkg", StringComparison.Ordinal) && package is null)
            {
                call.Response.ContentLength64 = 1000;
                await call.Response.OutputStream.WriteAsync(new byte[10]);
                call.Response.Abort();
                continue;
            }

            var answer = call.Request.Url.AbsolutePath switch
            {
                "/index.json" => Encoding.UTF8
                    .GetBytes($$"""{"version":"3.0.0","resources":[{"@id":"{{Address}}flat/","@type":"PackageBaseAddress/3.0.0"}]}"""),
                "/flat/acme.hello/index.json" => """{"versions":["1.0.0"]}"""u8.ToArray(),
                "/flat/acme.hello/1.0.0/acme.hello.1.0.0.nupkg" => package!,
                _ => [],
            };
            call.Response.StatusCode = answer.Length == 0 ? 404 : 200;
            await call.Response.OutputStream.WriteAsync(answer);
            call.Response.Close();
        }
    }
}
