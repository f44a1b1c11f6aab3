using System.Collections.Immutable;
using System.Text;
using System.Text.Json;
using Calico.Datastore.Resources;
using Calico.Datastore.Resources.V3;
using NUnit.Framework;

namespace Calico.UnitTests.Resources;

/// <summary>The short way to read an endpoint decides nothing: it takes what is plain, as the long way reads it, and leaves all else to
/// that.</summary>
[TestFixture]
public sealed class WorkloadEndpointReaderTests
{
    private const string Plain = """
        {"kind":"WorkloadEndpoint","apiVersion":"projectcalico.org/v3","metadata":{"name":"w--1-k8s-a--1-eth0","namespace":"ns","uid":"u-1",
        "creationTimestamp":"2026-01-02T03:04:05Z","labels":{"app":"a","projectcalico.org/namespace":"ns","x":""},
        "annotations":{"net.calico/name":"Any Text"}},
        "spec":{"orchestrator":"k8s","workload":"w","node":"w-1","containerID":"0a","pod":"a-1","endpoint":"eth0",
        "serviceAccountName":"default",
        "ipNetworks":["10.0.0.1/32","fd00::1/128"],"ipv4Gateway":"169.254.1.1","ipv6Gateway":"fe80::1",
        "profiles":["kns.ns","ksa.ns.default"],
        "interfaceName":"cali12","mac":"ee:ee:ee:ee:ee:ee"}}
        """;

    private static readonly ImmutableArray<string> Pieces =
    [
        "null", "\"\"", "\"x\"", "\"X y\"", "\"a\\u0062\"", "\"\u00e4\"", "\"-\"", "1", "1.5", "true", "{}", "[]", "[null]", "[\"\"]",
        "[\"a\",\"a\"]", "[1]", "{\"a\":\"b\"}", "{\"a\":1}", "{\"a\":\"b\",\"a\":\"c\"}", "{\"-\":\"b\"}", "{\"a\":\"-\"}",
        "\"10.0.0.1/32\"", "[\"10.0.0.1/31\"]", "[\"10.0.0.1\"]", "\"2026-01-02T03:04:05.678+02:00\"", "\"now\"",
        "\"projectcalico.org/v3\"", "\"WorkloadEndpoint\"", "\"tooLongForAnInterface\"",
        "[{\"name\":\"web\",\"protocol\":\"tcp\",\"port\":80}]", "{\"net.calico/name\":\"}\"}",
        "{\"net.calico/name\":\"\",\"a/b\":\"{\"}", "[\"a\",]", "[,\"a\"]", "{,}", "{\"a\":\"b\",}", "[\"a\" ]", "\"a\"\"b\"", "nul",
        "nulll", "[\"]\"]",
    ];

    [Test]
    public void What_is_plain_is_taken()
    {
        Assert.That(Short(Whole(Plain)), Is.Not.Null);
        var timeless = Whole(Plain).Replace("\"2026-01-02T03:04:05Z\"", "null", StringComparison.Ordinal);
        Assert.That(Short(timeless), Is.Not.Null, "as Go writes it");
        Assert.That(Short(Encoding.UTF8.GetString(Kinds.WorkloadEndpoint.Encode(Read(Plain)))), Is.Not.Null, "as we write it");
    }

    /// <summary>Each member in turn is another value, is there twice, is not there; each byte in turn is another one.</summary>
    [Test]
    public void What_is_taken_is_what_the_long_way_reads()
    {
        var (taken, left) = (0, 0);
        foreach (var text in Variants())
        {
            if (Short(text) is not { } read)
            {
                left++;
                continue;
            }

            taken++;
            var expected = Long(text, out var errors);
            Assert.That(errors, Is.Empty, text);
            Assert.That(Shown(read), Is.EqualTo(Shown(expected!)), text);
            // What is written of it shows neither whether a list is there or empty, nor the unknown.
            Assert.That(read.Spec.IpNetworks.HasValue, Is.EqualTo(expected!.Spec.IpNetworks.HasValue), text);
            Assert.That(read.Spec.Profiles.HasValue, Is.EqualTo(expected.Spec.Profiles.HasValue), text);
            Assert.That(read.Metadata.Labels?.KeyComparer, Is.SameAs(expected.Metadata.Labels?.KeyComparer), text);
            Assert.That(read.Metadata.CreationTimestamp, Is.EqualTo(expected.Metadata.CreationTimestamp), text);
        }

        Assert.That(taken, Is.GreaterThan(500), "the short way was asked");
        Assert.That(left, Is.GreaterThan(500), "and did not take everything");
    }

    /// <summary>What a piece was read as for one member says nothing about another.</summary>
    [Test]
    public void A_text_that_was_good_for_one_member_is_asked_again_for_another()
    {
        var other = Whole(Plain).Replace("\"endpoint\":\"eth0\"", "\"endpoint\":\"No Name\"", StringComparison.Ordinal);
        Assert.That(Short(other), Is.Not.Null);
        var text = Whole(Plain).Replace("\"node\":\"w-1\"", "\"node\":\"No Name\"", StringComparison.Ordinal);
        Assert.That(Short(text), Is.Null);
        var path = Kinds.WorkloadEndpoint.Path(Kinds.WorkloadEndpoint.Key("ns", "n"));
        Assert.That(ResourceKinds.All.TryDecode(path, Encoding.UTF8.GetBytes(text), out var update), Is.True);
        Assert.That(update!.Error, Does.Contain("spec.node"));
    }

    private static IEnumerable<string> Variants()
    {
        var plain = Whole(Plain);
        using var document = JsonDocument.Parse(plain);
        foreach (var (start, end) in Values(plain))
        {
            foreach (var piece in Pieces)
            {
                yield return plain[..start] + piece + plain[end..];
            }

            var from = plain.LastIndexOf('"', plain.LastIndexOf("\":", start, StringComparison.Ordinal) - 1);
            yield return plain[..from] + plain[from..end] + "," + plain[from..];
            yield return plain[..from] + "\"newer\":1," + plain[from..];
            yield return plain[..from] + (plain[end] == ',' ? plain[(end + 1)..] : "\"newer\":1" + plain[end..]);
        }

        for (var i = 0; i < plain.Length; i++)
        {
            foreach (var other in "\"\\{}[]:, a-0/\u0001\u00e9")
            {
                yield return plain[..i] + other + plain[(i + 1)..];
            }

            yield return plain[..i];
        }

        yield return plain + " ";
        yield return plain + "1";
    }

    /// <summary>Where values of members begin and end, objects and lists among them.</summary>
    private static List<(int Start, int End)> Values(string text)
    {
        var found = new List<(int, int)>();
        var reader = new Utf8JsonReader(Encoding.UTF8.GetBytes(text));
        while (reader.Read())
        {
            if (reader.TokenType == JsonTokenType.PropertyName)
            {
                reader.Read();
                var behind = reader;
                behind.Skip();
                found.Add(((int)reader.TokenStartIndex, (int)behind.BytesConsumed));
            }
        }

        return found;
    }

    private static string Whole(string text) => text.Replace("\n", "", StringComparison.Ordinal);

    private static Resource<WorkloadEndpointSpec>? Short(string text) =>
        (Resource<WorkloadEndpointSpec>?)Kinds.WorkloadEndpoint.ReadPlain!(Encoding.UTF8.GetBytes(text));

    private static Resource<WorkloadEndpointSpec> Read(string text) => Kinds.WorkloadEndpoint.DecodeStored(Encoding.UTF8.GetBytes(text));

    private static Resource<WorkloadEndpointSpec>? Long(string text, out ImmutableArray<ValidationError> errors) =>
        (Resource<WorkloadEndpointSpec>?)Kinds.WorkloadEndpoint.ReadWhole(Encoding.UTF8.GetBytes(text), out errors);

    private static string Shown(Resource resource) => Kinds.WorkloadEndpoint.ToJson(resource).GetRawText();
}
