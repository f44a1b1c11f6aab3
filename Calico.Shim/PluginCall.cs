using System.Collections;
using System.Text;
using Calico.Shim.Wire;

namespace Calico.Shim;

/// <summary>One CNI call: to the host and back, or what can be answered without it.</summary>
internal sealed class PluginCall(ShimRole role, bool test)
{
    /// <summary>From start to answer. Runtimes wait two to four minutes; a host that is not stuck answers in 25 s at most.</summary>
    private const int DefaultSeconds = 30;

    /// <summary>What a delegate's DEL may take once ours is promised.</summary>
    private static readonly TimeSpan PromiseTime = TimeSpan.FromSeconds(10);

    private readonly TimeSpan _start = TimeSpan.FromTicks(Libc.ReadClock(Libc.CLOCK_PROCESS_CPUTIME_ID) / 100);
    private readonly long _begun = Libc.ReadClock(Libc.CLOCK_MONOTONIC);

    private readonly Deadline _deadline = new(TimeSpan.FromSeconds(
        int.TryParse(Variable("CALICO_CNI_TIMEOUT"), out var seconds) && seconds is > 0 and <= 600 ? seconds : DefaultSeconds));

    private readonly string _command = test ? ShimRequest.TestVerb : Variable("CNI_COMMAND");

    /// <returns>The exit code.</returns>
    public int Run()
    {
        if (_command.Length == 0)
        {
            // Before standard input is read: a person at a terminal would wait for ever.
            return Answer.About(role == ShimRole.Ipam ? "calico-ipam" : "calico");
        }

        var input = test ? Memory<byte>.Empty : ReadInput();
        if (_command == "VERSION")
        {
            return Answer.Supported(Peek.At(input.Span).Version);
        }

        // Only an ADD needs the namespace; its absence is the host's to report, with the path.
        var networkNamespace = _command == "ADD" ? OpenNamespace() : -1;
        try
        {
            var request = new ShimRequest(role, networkNamespace >= 0, CniVariables(), input).ToFrame();
            var path = Variable("CALICO_CNI_SOCKET") is { Length: > 0 } chosen ? chosen : HostConnection.DefaultPath;
            if (HostConnection.Ask(path, request.Span, networkNamespace, _deadline, out var trouble) is { } reply)
            {
                Answer.Print(reply.Output.Span);
                return reply.ExitCode;
            }

            return WithoutHost(request, input, trouble);
        }
        catch (WireFormatException e)
        {
            return Answer.Error(Peek.At(input.Span).Version, Answer.InvalidConfiguration, "the request is too large", e.Message);
        }
        finally
        {
            if (networkNamespace >= 0)
            {
                Libc.Close(networkNamespace);
            }
        }
    }

    private int WithoutHost(ReadOnlyMemory<byte> request, ReadOnlyMemory<byte> input, string trouble)
    {
        var peek = Peek.At(input.Span);
        return _command switch
        {
            "DEL" => Promise(request, input, peek),
            "STATUS" => Answer.Error(peek.Version, Answer.NotAvailable, "the Calico host does not answer", trouble),
            ShimRequest.TestVerb => Answer.Error(peek.Version, Answer.ConnectionTest, "data store connection failed", trouble),
            _ => Answer.Error(peek.Version, Answer.TryAgainLater, "the Calico host does not answer; try again later", trouble),
        };
    }

    /// <summary>Spools the DEL. A foreign IPAM cannot be run by the host later, when this process and its CNI_PATH are gone, so it is
    /// run here, after the promise is on disk.</summary>
    private int Promise(ReadOnlyMemory<byte> request, ReadOnlyMemory<byte> input, Peek peek)
    {
        var folder = Variable("CALICO_SPOOL_DIR") is { Length: > 0 } chosen ? chosen : Spool.DefaultFolder;
        var name = SpoolName.Of(role, Variable("CNI_CONTAINERID"), Variable("CNI_IFNAME"));
        if (Spool.Store(folder, name, request.Span) is { } trouble)
        {
            return Answer.Error(peek.Version, Answer.IoFailure,
                "the Calico host does not answer and the DEL cannot be kept for it", trouble);
        }

        if (role != ShimRole.Network || peek.IpamType is "" or "calico-ipam")
        {
            return 0;
        }

        var outcome = DelegateProcess.Run(new DelegateRequest(peek.IpamType, [], input), new Deadline(PromiseTime));
        if (outcome.ExitCode == 0)
        {
            return 0;
        }

        if (outcome.ExitCode == DelegateOutcome.NotRun)
        {
            return Answer.Error(peek.Version, Answer.ConnectionTest, Encoding.UTF8.GetString(outcome.Output.Span), "");
        }

        Answer.Print(outcome.Output.Span);
        return 1;
    }

    private static Memory<byte> ReadInput()
    {
        var buffer = Libc.ReadAll(0, Frame.MaxPayload, out var length);
        return buffer.AsMemory(0, length);
    }

    private static int OpenNamespace()
    {
        var path = Variable("CNI_NETNS");
        // Non-blocking, or a FIFO of that name would hold us for ever.
        return path.Length == 0 ? -1 : Libc.Open(path, Libc.O_RDONLY | Libc.O_CLOEXEC | Libc.O_NONBLOCK | Libc.O_NOCTTY, 0);
    }

    private List<KeyValuePair<string, string>> CniVariables()
    {
        var variables = new List<KeyValuePair<string, string>>(8);
        if (test)
        {
            variables.Add(new("CNI_COMMAND", ShimRequest.TestVerb));
        }

        foreach (DictionaryEntry variable in Environment.GetEnvironmentVariables())
        {
            if (variable.Key is string key && key.StartsWith("CNI_", StringComparison.Ordinal) && !(test && key == "CNI_COMMAND"))
            {
                variables.Add(new(key, (string?)variable.Value ?? ""));
            }
        }

        variables.Add(new(ShimTimes.Variable, new ShimTimes(_start, _begun, Libc.ReadClock(Libc.CLOCK_MONOTONIC)).Text));
        return variables;
    }

    private static string Variable(string name) => Environment.GetEnvironmentVariable(name) ?? "";
}
