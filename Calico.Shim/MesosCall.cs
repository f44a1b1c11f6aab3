using System.Globalization;
using System.Text;
using Calico.Shim.Wire;

namespace Calico.Shim;

/// <summary>One call of <c>calico_mesos</c>: net-modules' JSON on standard input, or the words of Mesos 0.23 as arguments, to the Mesos
/// adapter and back.</summary>
internal sealed class MesosCall(string[] words)
{
    private const string DefaultPath = "/run/calico/net-modules.sock";

    /// <summary>From start to answer; a host that is not stuck answers in 20 s at most.</summary>
    private const int DefaultSeconds = 30;

    /// <summary>A request has a few kilobytes.</summary>
    private const int MaxInput = 512 * 1024;

    /// <summary>What is read away of a request that is too long: who writes it sees a reply then, and not a broken pipe.</summary>
    private const int MaxRead = 16 * 1024 * 1024;

    private readonly Deadline _deadline = new(TimeSpan.FromSeconds(
        int.TryParse(Variable("CALICO_MESOS_TIMEOUT"), NumberStyles.None, CultureInfo.InvariantCulture, out var seconds)
            && seconds is > 0 and <= 600 ? seconds : DefaultSeconds));

    /// <returns>The exit code.</returns>
    public int Run()
    {
        var input = Memory<byte>.Empty;
        if (words.Length == 0)
        {
            var read = Libc.ReadAll(0, MaxRead, out var length);
            if (length > MaxInput)
            {
                var more = length > MaxRead ? "more than " : "";
                return Refuse($"the request has {more}{Math.Min(length, MaxRead)} bytes; at most {MaxInput} are read");
            }

            input = read.AsMemory(0, length);
        }

        try
        {
            var arguments = words.Select((word, index) => new KeyValuePair<string, string>(index.ToString(CultureInfo.InvariantCulture),
                word)).ToList();
            var request = new ShimRequest(ShimRole.Mesos, false, arguments, input);
            // As the host's own setting: one word for one socket.
            var path = Variable("CALICO_MESOS_NETMODULESSOCKET") is { Length: > 0 } chosen ? chosen : DefaultPath;
            var (first, again) = (request.ToFrame(), request.Repeated().ToFrame());
            if (HostConnection.Ask(path, first.Span, again.Span, -1, _deadline, out var trouble) is { } reply)
            {
                // Words were answered on standard error when they failed, as a shell does.
                Libc.WriteAll(words.Length > 0 && reply.ExitCode != 0 ? 2 : 1, reply.Output.Span);
                return reply.ExitCode;
            }

            return Refuse($"the Calico host does not answer; try again later: {trouble}");
        }
        catch (WireFormatException e)
        {
            return Refuse(e.Message);
        }
    }

    private int Refuse(string reason)
    {
        if (words.Length > 0)
        {
            Libc.WriteAll(2, Encoding.UTF8.GetBytes(reason + "\n"));
            return 1;
        }

        return Answer.NetModulesError(reason);
    }

    private static string Variable(string name) => Environment.GetEnvironmentVariable(name) ?? "";
}
