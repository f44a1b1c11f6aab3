using System.Net.Sockets;
using System.Text.Json;
using Calico.Plugins.Mesos.Containers;
using Calico.Shim.Wire;
using Microsoft.Extensions.Logging;

namespace Calico.Plugins.Mesos.NetModules;

/// <summary>One command of net-modules, of whichever era, to its reply. Never throws.</summary>
internal sealed partial class NetModulesCommands(MesosSettings settings, AddressCommands addresses, ContainerCommands containers,
    ContainerLoading loading, IPluginLifetime lifetime, ICallTimings timings, TimeProvider time,
        ILogger<NetModulesCommands> log)
{
    private static readonly string[] Known = ["allocate", "reserve", "release", "isolate", "cleanup"];

    public async Task<ShimReply> RunAsync(ShimRequest request, CancellationToken ct)
    {
        // Mesos 0.23 gave its words as arguments, and read no JSON.
        var words = request.Environment.Where(e => e.Key != ShimRequest.RepeatVariable).Select(e => e.Value).ToArray();
        using var limit = new CancellationTokenSource(settings.CallTime, time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(limit.Token, ct);
        try
        {
            if (request.Role != ShimRole.Mesos)
            {
                throw new NetModulesException("this is the socket of calico_mesos");
            }

            if (lifetime.Draining.IsCancellationRequested)
            {
                throw new NetModulesException("calico-host is stopping or being upgraded; try again");
            }

            await loading.WaitAsync(either.Token);
            return words.Length > 0 ? await RunWordsAsync(words, request.IsRepeat, either.Token)
                : await RunJsonAsync(request.Input, request.IsRepeat, either.Token);
        }
        catch (Exception e)
        {
            // The edge: whatever happened is a reply.
            var text = TextOf(e);
            Log.Refused(log, text);
            return words.Length > 0 ? NetModulesReply.Plain(1, text) : NetModulesReply.Error(text);
        }
    }

    private async Task<ShimReply> RunJsonAsync(ReadOnlyMemory<byte> input, bool isRepeat, CancellationToken ct)
    {
        using var document = JsonDocument.Parse(input, new JsonDocumentOptions { MaxDepth = 16 });
        if (document.RootElement.ValueKind != JsonValueKind.Object || !document.RootElement.TryGetProperty("command", out var command))
        {
            throw new NetModulesException("Missing command");
        }

        if (!document.RootElement.TryGetProperty("args", out var given))
        {
            throw new NetModulesException("Missing args");
        }

        var name = command.ValueKind == JsonValueKind.String ? command.GetString()! : command.GetRawText();
        if (!Known.Contains(name))
        {
            throw new NetModulesException($"Unknown command: {name}");
        }

        if (given.ValueKind != JsonValueKind.Object)
        {
            throw new NetModulesException("args must be an object");
        }

        using var timed = timings.Begin($"net-modules {name}", name, "wait");
        var reply = await RunAsync(name, new Arguments(given), isRepeat, ct);
        timed.Complete();
        return reply;
    }

    private async Task<ShimReply> RunAsync(string command, Arguments args, bool isRepeat, CancellationToken ct)
    {
        switch (command)
        {
            case "allocate":
                return NetModulesReply.Addresses(await addresses.AllocateAsync(args, ct));
            case "reserve":
                await addresses.ReserveAsync(args, ct);
                break;
            case "release":
                await addresses.ReleaseAsync(args, ct);
                break;
            case "isolate":
                await containers.IsolateAsync(args, isRepeat, ct);
                break;
            default:
                await containers.CleanupAsync(args, isRepeat, ct);
                break;
        }

        return NetModulesReply.Done;
    }

    /// <summary><c>isolate PID CONTAINER IP|auto PROFILE</c>, <c>cleanup CONTAINER</c>, <c>assign_ipv4</c>.</summary>
    private async Task<ShimReply> RunWordsAsync(string[] words, bool isRepeat, CancellationToken ct)
    {
        switch (words)
        {
            case ["assign_ipv4"]:
                return NetModulesReply.Plain(0, (await addresses.ChooseAsync(ct)).ToString());
            case ["isolate", var pid, var container, var address, var profile]:
                var asked = address != "auto" ? Arguments.Address(address, AddressFamily.InterNetwork)
                    : (isRepeat ? containers.AddressOf(container) : null) ?? await addresses.ChooseAsync(ct);
                var number = int.TryParse(pid, out var read) ? read : throw new NetModulesException("pid must be an integer");
                await containers.IsolateAsync(new IsolateCommand(container, number, [asked], [profile], []), isRepeat, ct);
                return NetModulesReply.Plain(0, "");
            case ["cleanup", var container]:
                await containers.CleanupAsync(container, isRepeat, ct);
                return NetModulesReply.Plain(0, "");
            default:
                throw new NetModulesException($"Unknown command: {string.Join(' ', words)}");
        }
    }

    private string TextOf(Exception error)
    {
        switch (error)
        {
            case NetModulesException or JsonException:
                return error.Message;
            case CalicoException e:
                return e.Message;
            case OperationCanceledException:
                return $"Calico did not answer within {settings.CallTime.TotalSeconds:0} s; try again";
            default:
                Log.Broke(log, error);
                return "Unhandled error: the call failed in a way nobody expected; calico-host's log has it";
        }
    }

    private static partial class Log
    {
        [LoggerMessage(7320, LogLevel.Warning, "A call of calico_mesos was refused: {Reason}")]
        public static partial void Refused(ILogger log, string reason);

        [LoggerMessage(7321, LogLevel.Error, "A call of calico_mesos ended in an error nobody expected")]
        public static partial void Broke(ILogger log, Exception error);
    }
}
