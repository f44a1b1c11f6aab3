using System.Globalization;
using System.Net.Sockets;
using System.Text;
using System.Text.Json;

namespace Calico.Cli.Connection;

/// <summary>Asks the host process on this machine over its control socket.</summary>
/// <remarks>One GET per connection, by hand: an HTTP client would cost more than everything else this program does. The reply is read
/// to its end, which <c>Connection: close</c> marks, and is bounded.</remarks>
internal static class HostClient
{
    private const int MaxReply = 16 * 1024 * 1024;

    /// <summary>Gets a JSON document.</summary>
    /// <exception cref="CliException">The host does not answer, or not with JSON.</exception>
    internal static async Task<JsonElement> GetAsync(string socketPath, string path, CancellationToken ct)
    {
        var reply = await ExchangeAsync(
            socketPath, $"GET {path} HTTP/1.1\r\nHost: calico\r\nAccept: application/json\r\nConnection: close\r\n\r\n", ct);
        var end = reply.AsSpan().IndexOf("\r\n\r\n"u8);
        var head = end < 0 ? "" : Encoding.ASCII.GetString(reply, 0, end);
        var status = head.Split(' ', 3) is [_, var code, ..] ? code : "";
        if (status != "200")
        {
            throw new CliException($"the Calico host answered {path} with status '{status}'");
        }

        var body = reply.AsMemory(end + 4);
        try
        {
            using var document = JsonDocument.Parse(
                head.Contains("transfer-encoding: chunked", StringComparison.OrdinalIgnoreCase) ? Unchunk(body.Span) : body);
            return document.RootElement.Clone();
        }
        catch (Exception e) when (e is JsonException or FormatException or OverflowException)
        {
            throw new CliException($"the Calico host's answer to {path} cannot be read: {e.Message}");
        }
    }

    private static async Task<byte[]> ExchangeAsync(string socketPath, string request, CancellationToken ct)
    {
        try
        {
            using var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
            await socket.ConnectAsync(new UnixDomainSocketEndPoint(socketPath), ct);
            await using var stream = new NetworkStream(socket);
            await stream.WriteAsync(Encoding.ASCII.GetBytes(request), ct);
            using var reply = new MemoryStream();
            var buffer = new byte[8192];
            int read;
            while ((read = await stream.ReadAsync(buffer, ct)) > 0)
            {
                reply.Write(buffer, 0, read);
                if (reply.Length > MaxReply)
                {
                    throw new CliException("the Calico host's answer is too long");
                }
            }

            return reply.ToArray();
        }
        catch (Exception e) when (e is SocketException or IOException)
        {
            throw new CliException($"Calico process is not running: {socketPath}: {(File.Exists(socketPath) ? e.Message : "no such socket")}");
        }
    }

    private static byte[] Unchunk(ReadOnlySpan<byte> body)
    {
        using var whole = new MemoryStream();
        while (true)
        {
            var line = body.IndexOf("\r\n"u8);
            if (line < 0)
            {
                throw new FormatException("a chunk has no length");
            }

            var size = Encoding.ASCII.GetString(body[..line]).Split(';')[0];
            var length = int.Parse(size, NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture);
            if (length == 0)
            {
                return whole.ToArray();
            }

            if (length < 0 || length > body.Length - line - 2)
            {
                throw new FormatException("a chunk is cut off");
            }

            whole.Write(body.Slice(line + 2, length));
            body = body[(line + 2 + length)..];
            body = body.StartsWith("\r\n"u8) ? body[2..] : throw new FormatException("a chunk does not end");
        }
    }
}
