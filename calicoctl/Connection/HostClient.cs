using System.Globalization;
using System.Net.Sockets;
using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;

namespace Calico.Cli.Connection;

/// <summary>Asks the host process on this machine over its control socket.</summary>
/// <remarks>One GET per connection, by hand: an HTTP client would cost more than everything else this program does. The reply is read
/// to its end, which <c>Connection: close</c> marks, and is bounded.</remarks>
internal static class HostClient
{
    private const int MaxReply = 16 * 1024 * 1024;

    /// <summary>Gets a JSON document.</summary>
    /// <exception cref="HostAwayException">No host answers.</exception>
    /// <exception cref="CliException">It answers something else than JSON.</exception>
    internal static async Task<JsonElement> GetAsync(string socketPath, string path, CancellationToken ct)
    {
        var reply = await AskAsync(socketPath, path, ct);
        if (reply.Status != 200)
        {
            throw Refused(path, reply);
        }

        try
        {
            using var document = JsonDocument.Parse(reply.Body);
            return document.RootElement.Clone();
        }
        catch (JsonException e)
        {
            throw new CliException($"the Calico host's answer to {path} cannot be read: {e.Message}");
        }
    }

    /// <summary>Gets a JSON document as a type.</summary>
    /// <exception cref="HostAwayException">No host answers.</exception>
    /// <exception cref="CliException">It answers something else.</exception>
    internal static async Task<T> GetAsync<T>(string socketPath, string path, JsonTypeInfo<T> type, CancellationToken ct) =>
        Read(await GetAsync(socketPath, path, ct), path, type);

    /// <summary>An answer as a type.</summary>
    /// <exception cref="CliException">It is of another shape.</exception>
    internal static T Read<T>(JsonElement document, string path, JsonTypeInfo<T> type)
    {
        try
        {
            return document.Deserialize(type) ?? throw new JsonException("it is null");
        }
        catch (JsonException e)
        {
            throw new CliException($"the Calico host's answer to {path} cannot be read: {e.Message}");
        }
    }

    /// <summary>Gets an answer, whatever its status.</summary>
    /// <exception cref="HostAwayException">No host answers.</exception>
    /// <exception cref="CliException">The answer is cut off or too long.</exception>
    internal static async Task<HostReply> AskAsync(string socketPath, string path, CancellationToken ct)
    {
        var reply = await ExchangeAsync(socketPath, $"GET {path} HTTP/1.1\r\nHost: calico\r\nConnection: close\r\n\r\n", ct);
        var end = reply.AsSpan().IndexOf("\r\n\r\n"u8);
        if (end < 0)
        {
            // The host went away, or stops, between accepting and answering.
            throw new HostAwayException($"calico-host does not answer on {socketPath}: its answer has no end");
        }

        var head = Encoding.ASCII.GetString(reply, 0, end);
        var body = reply.AsMemory(end + 4);
        try
        {
            _ = int.TryParse(head.Split(' ', 3) is [_, var code, ..] ? code : "", NumberStyles.None, CultureInfo.InvariantCulture,
                out var status);
            return new(status, head.Contains("transfer-encoding: chunked", StringComparison.OrdinalIgnoreCase) ? Unchunk(body.Span) : body);
        }
        catch (Exception e) when (e is FormatException or OverflowException)
        {
            throw new CliException($"the Calico host's answer to {path} cannot be read: {e.Message}");
        }
    }

    /// <summary>The error for a status that was not expected.</summary>
    internal static CliException Refused(string path, HostReply reply) =>
        new($"the Calico host answered {path} with status {reply.Status}: {Encoding.UTF8.GetString(reply.Body.Span).Trim()}");

    private static async Task<byte[]> ExchangeAsync(string socketPath, string request, CancellationToken ct)
    {
        using var timeUp = new CancellationTokenSource(BoundedStore.Patience);
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(timeUp.Token, ct);
        try
        {
            using var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
            await socket.ConnectAsync(new UnixDomainSocketEndPoint(socketPath), limit.Token);
            await using var stream = new NetworkStream(socket);
            await stream.WriteAsync(Encoding.ASCII.GetBytes(request), limit.Token);
            using var reply = new MemoryStream();
            var buffer = new byte[8192];
            int read;
            while ((read = await stream.ReadAsync(buffer, limit.Token)) > 0)
            {
                reply.Write(buffer, 0, read);
                if (reply.Length > MaxReply)
                {
                    throw new CliException("the Calico host's answer is too long");
                }
            }

            return reply.ToArray();
        }
        catch (OperationCanceledException) when (timeUp.IsCancellationRequested && !ct.IsCancellationRequested)
        {
            throw new HostAwayException(
                $"calico-host does not answer on {socketPath}: nothing within {BoundedStore.Patience.TotalSeconds:0} s; "
                + "its process is stopped or hangs");
        }
        catch (SocketException e) when (e.SocketErrorCode == SocketError.AccessDenied)
        {
            throw new CliException(
                $"calico-host may not be asked on {socketPath}: permission denied; ask as root or as a member of the socket's group");
        }
        catch (Exception e) when (e is SocketException or IOException)
        {
            throw new HostAwayException(!File.Exists(socketPath) ? $"calico-host is not running: there is no socket {socketPath}; start it"
                : e is SocketException { SocketErrorCode: SocketError.ConnectionRefused }
                ? $"calico-host is not running: nobody listens on {socketPath}; start it"
                : $"calico-host does not answer on {socketPath}: {e.Message}");
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
