using System.Net.Sockets;
using Microsoft.Extensions.Logging;

namespace Calico.Host.Stages;

/// <summary>After the adapters' sockets are bound: the service manager is told that what is ordered after this service may start (systemd's
/// <c>Type=notify</c>). A dockerd or a kubelet then finds them, and its calls wait for the rest of the start.</summary>
/// <param name="socket">NOTIFY_SOCKET; empty: nobody waits.</param>
/// <param name="logger">Says what could not be told.</param>
internal sealed partial class NoticeStage(string? socket, ILogger<NoticeStage> logger) : IHostStage
{
    public string Name => "notice";

    public string Doing => "the service manager is being told";

    public async Task StartAsync(CancellationToken ct)
    {
        if (socket is not { Length: > 1 })
        {
            return;
        }

        try
        {
            using var sender = new Socket(AddressFamily.Unix, SocketType.Dgram, ProtocolType.Unspecified);
            // "@" stands for the zero byte of a name without a file.
            await sender.SendToAsync("READY=1"u8.ToArray(), new UnixDomainSocketEndPoint(socket[0] == '@' ? '\0' + socket[1..] : socket),
                ct);
        }
        catch (Exception e) when (e is SocketException or ArgumentException)
        {
            Log.NotTold(logger, socket, e.Message);
        }
    }

    public Task StopAsync(CancellationToken ct) => Task.CompletedTask;

    private static partial class Log
    {
        [LoggerMessage(1004, LogLevel.Warning,
            "the service manager cannot be told on {Socket} that the sockets are there, and gives up after its time: {Reason}")]
        public static partial void NotTold(ILogger logger, string socket, string reason);
    }
}
