using System.Diagnostics.CodeAnalysis;
using System.Net;
using System.Net.Sockets;

namespace Calico.Datastore.Etcd;

/// <summary>Where one member of the cluster listens.</summary>
internal sealed record EtcdEndpoint(string Text, Uri Address, string? SocketPath)
{
    public bool IsTls => Address.Scheme == Uri.UriSchemeHttps;

    /// <exception cref="CalicoException"><see cref="Problem.Invalid"/>.</exception>
    public static EtcdEndpoint Parse(string text) => TryParse(text) ?? throw new CalicoException(Problem.Invalid,
        $"etcd endpoint \"{Secret.Mask(text)}\": write http://host:port, https://host:port or unix:///path", "etcdEndpoints");

    public static EtcdEndpoint? TryParse(string text)
    {
        var trimmed = text.Trim();
        if (trimmed.StartsWith("unix:", StringComparison.Ordinal))
        {
            var path = "/" + trimmed["unix:".Length..].TrimStart('/');
            return path.Length > 1 ? new EtcdEndpoint(trimmed, new Uri("http://localhost"), path) : null;
        }

        // etcdctl takes a bare host:port as plain HTTP.
        var address = trimmed.Contains("://", StringComparison.Ordinal) ? trimmed : $"http://{trimmed}";
        return TryHttp(address, out var uri) ? new EtcdEndpoint(trimmed, uri, null) : null;
    }

    /// <summary>A connected socket.</summary>
    public async ValueTask<Stream> ConnectAsync(DnsEndPoint address, CancellationToken ct)
    {
        var socket = SocketPath is null
            ? new Socket(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true }
            : new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        try
        {
            EndPoint target = SocketPath is null ? address : new UnixDomainSocketEndPoint(SocketPath);
            await socket.ConnectAsync(target, ct);
            return new NetworkStream(socket, ownsSocket: true);
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }

    private static bool TryHttp(string text, [NotNullWhen(true)] out Uri? uri) =>
        Uri.TryCreate(text, UriKind.Absolute, out uri)
        && (uri.Scheme == Uri.UriSchemeHttp || uri.Scheme == Uri.UriSchemeHttps)
        && uri.Host.Length > 0 && uri.UserInfo.Length == 0 && uri.PathAndQuery == "/";
}
