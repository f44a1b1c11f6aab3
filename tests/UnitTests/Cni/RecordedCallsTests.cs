using System.Net;
using System.Runtime.Versioning;
using System.Text;
using System.Text.Json;
using Calico.Plugins.Cni.Protocol;
using Calico.Shim.Wire;
using NUnit.Framework;

namespace Calico.UnitTests.Cni;

/// <summary>What containerd, podman, cnitool and rkt really sent, sent to us: with the delegate that was configured, and with calico-ipam.
/// </summary>
[UnsupportedOSPlatform("windows")]
public sealed class RecordedCallsTests
{
    public static IEnumerable<TestCaseData> Recordings()
    {
        if (RecordedCall.Folder() is not { } folder || !Directory.Exists(folder))
        {
            yield return new TestCaseData("", false)
                .Ignore("no recordings: CALICO_REFERENCE names no folder, and none lies beside the repository");
            yield break;
        }

        foreach (var file in Directory.GetFiles(folder, "*.json").Order(StringComparer.Ordinal))
        {
            yield return new TestCaseData(file, false).SetArgDisplayNames(Path.GetFileNameWithoutExtension(file), "host-local");
            yield return new TestCaseData(file, true).SetArgDisplayNames(Path.GetFileNameWithoutExtension(file), "calico-ipam");
        }
    }

    [TestCaseSource(nameof(Recordings))]
    public async Task Recorded_calls_are_served(string file, bool oursAssigns)
    {
        var calls = RecordedCall.Load(file);
        await using var cni = new CniHarness();
        if (oursAssigns)
        {
            cni.Node.Pools = [new AddressPool("recorded", IPNetwork.Parse("10.88.0.0/15"), 26, Disabled: false)];
        }

        cni.Delegate = request => Answer(calls, request, cni.DelegatesRun);
        await cni.StartAsync();

        var results = new Dictionary<(string, string), string>();
        foreach (var call in calls.Where(c => c.IsOurs && c.Verb != "VERSION"))
        {
            var input = oursAssigns ? call.Input.Replace("\"type\":\"host-local\"", "\"type\":\"calico-ipam\"", StringComparison.Ordinal)
                .Replace("\"type\": \"host-local\"", "\"type\": \"calico-ipam\"", StringComparison.Ordinal) : call.Input;
            if (call.Verb == "CHECK")
            {
                input = WithPrevious(input, results[call.Attachment]);
            }

            var reply = await cni.CallAsync(ShimRole.Network, call.CniVariables, input);
            var output = Encoding.UTF8.GetString(reply.Output.Span);

            Assert.That(reply.ExitCode, Is.EqualTo(call.ExitCode), $"{call.Verb} {call.Attachment}: {output}");
            if (call.Verb == "ADD")
            {
                AssertAdded(call, output, oursAssigns);
                results[call.Attachment] = output;
            }
            else
            {
                Assert.That(output, Is.Empty);
            }
        }

        // A detached `ctr run --cni` never sends a DEL: what is left is exactly what was never deleted.
        var lastVerbs = calls.Where(c => c.IsOurs && c.Verb is "ADD" or "DEL" && c.IsOurs).GroupBy(c => c.Attachment)
            .ToDictionary(g => g.Key, g => g.Last().Verb);
        Assert.That(cni.Node.Endpoints, Has.Length.EqualTo(lastVerbs.Values.Count(v => v == "ADD")));
        Assert.That(cni.Node.Leases, Has.Length.EqualTo(oursAssigns ? cni.Node.Endpoints.Length : 0));
    }

    private static void AssertAdded(RecordedCall call, string output, bool oursAssigns)
    {
        var recorded = CniResultReader.Read(Encoding.UTF8.GetBytes(call.Output), call.Plugin);
        var result = CniResultReader.Read(Encoding.UTF8.GetBytes(output), "calico");
        using var then = JsonDocument.Parse(call.Output);
        using var now = JsonDocument.Parse(output);
        var args = CniArgs.Parse(call.Environment.GetValueOrDefault("CNI_ARGS", ""), lenient: false);

        // The same top-level fields, so whoever read the old plugin's answer can read ours. A missing version is 0.1.0 to Go, 0.2.0 to us:
        // one shape. Routes differ: a bridge has none when its configuration has none, we always have the one through the gateway.
        string[] Fields(JsonDocument of) =>
            [.. of.RootElement.EnumerateObject().Select(p => p.Name).Where(n => n != "routes").Order(StringComparer.Ordinal)];
        Assert.That(Fields(now), Is.EqualTo(Fields(then)));
        if (call.Input.Contains("cniVersion", StringComparison.Ordinal))
        {
            Assert.That(now.RootElement.GetProperty("cniVersion").GetString(),
                Is.EqualTo(then.RootElement.GetProperty("cniVersion").GetString()));
        }

        if (!oursAssigns)
        {
            Assert.That(result.Addresses.Select(a => a.Address.Address), Is.EqualTo(recorded.Addresses.Select(a => a.Address.Address)));
        }
        else if (args.Addresses.Count > 0)
        {
            Assert.That(result.Addresses.Select(a => a.Address.Address), Is.EqualTo(args.Addresses));
        }

        if (result.Interfaces.IsEmpty)
        {
            return;
        }

        var inside = result.Interfaces[result.Addresses[0].Interface!.Value];
        Assert.That((inside.Name, inside.Sandbox), Is.EqualTo((call.Environment["CNI_IFNAME"], call.Environment["CNI_NETNS"])));
        Assert.That(result.Interfaces.Single(i => i.Sandbox.Length == 0).Name, Does.StartWith("cali"));
        if (args.Mac is not null)
        {
            Assert.That(inside.Mac, Is.EqualTo(MacAddress.Format(args.Mac)));
        }
    }

    /// <summary>The recorded answer to the same question; a verb that the recording does not hold succeeds silently.</summary>
    private static DelegateOutcome Answer(List<RecordedCall> calls, DelegateRequest request, List<DelegateRequest> asked)
    {
        string Variable(DelegateRequest of, string name) => of.Environment.Single(v => v.Key == name).Value;
        var (verb, args) = (Variable(request, "CNI_COMMAND"), Variable(request, "CNI_ARGS"));
        var same = calls.Where(c => c.IsIpam && c.Verb == verb && c.Input == Encoding.UTF8.GetString(request.Input.Span)
            && args == (c.Environment.GetValueOrDefault("CNI_ARGS", "") is { Length: > 0 } given ? "IgnoreUnknown=1;" + given
                : "IgnoreUnknown=1")).ToArray();
        // A container that was added several times asked several times: the n-th question gets the n-th answer.
        var earlier = asked.Count(a => Variable(a, "CNI_COMMAND") == verb && Variable(a, "CNI_ARGS") == args
            && a.Input.Span.SequenceEqual(request.Input.Span)) - 1;
        return same.Length == 0 ? new DelegateOutcome(0, ReadOnlyMemory<byte>.Empty) : same[Math.Min(earlier, same.Length - 1)].Outcome;
    }

    private static string WithPrevious(string configuration, string result)
    {
        var root = System.Text.Json.Nodes.JsonNode.Parse(configuration)!.AsObject();
        root["prevResult"] = System.Text.Json.Nodes.JsonNode.Parse(result);
        return root.ToJsonString();
    }
}
