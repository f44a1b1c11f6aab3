using System.Text;
using Calico.EmbeddedStore.Engine;
using CsCheck;
using NUnit.Framework;

namespace Calico.UnitTests.Store;

/// <summary>A value that is held by its difference to another is the value that was put, whatever the two are.</summary>
[TestFixture]
public sealed class ValuePackerTests
{
    private static readonly byte[] Key = "/calico/resources/v3/projectcalico.org/workloadendpoints/ns/name"u8.ToArray();

    [Test]
    public void What_is_kept_is_what_was_put()
    {
        // Few letters, so that much is shared at odd places; several values after each other, so that patterns change.
        var text = Gen.OneOf(Gen.Byte[97, 99], Gen.Byte).Array[0, 900];
        var cut = Gen.Select(text, Gen.Int[0, 900], Gen.Int[0, 900], text, (a, from, to, b) =>
            (byte[])[.. a.AsSpan(0, Math.Min(from, a.Length)), .. b.AsSpan(0, Math.Min(40, b.Length)),
                .. a.AsSpan(Math.Min(to, a.Length))]);
        Gen.OneOf(text, cut).Array[1, 8].Sample(values =>
        {
            var packer = new ValuePacker();
            var kept = values.Select(value => packer.Keep(Key, [.. value])).ToArray();
            Assert.That(kept.Select(k => k.ToArray()), Is.EqualTo(values));
            Assert.That(kept.Select(k => k.Length), Is.EqualTo(values.Select(v => v.Length)));
        }, iter: 60);
    }

    [Test]
    public void A_value_of_any_length_and_its_twin_are_kept([Values(0, 1, 127, 128, 129, 65534, 65535, 65536, 200_000)] int length)
    {
        var packer = new ValuePacker();
        var value = Enumerable.Range(0, length).Select(i => (byte)(i * i / 7)).ToArray();
        var (first, twin) = (packer.Keep(Key, value), packer.Keep(Key, [.. value]));
        Assert.That(first.ToArray(), Is.EqualTo(value));
        Assert.That(twin.ToArray(), Is.EqualTo(value));
        Assert.That(twin.Footprint, length is >= 128 and <= 65535 ? Is.LessThanOrEqualTo(2 * PackedValue.StepSize) : Is.EqualTo(length));
    }

    [Test]
    public void Neighbours_of_a_folder_take_a_third_and_strangers_are_held_whole()
    {
        var packer = new ValuePacker();
        var endpoints = Enumerable.Range(0, 200).Select(i => Encoding.UTF8.GetBytes(Endpoint(i))).ToArray();
        var kept = endpoints.Select(e => packer.Keep(Key, e)).ToArray();
        Assert.That(kept.Sum(k => k.Footprint), Is.LessThan(endpoints.Sum(e => e.Length) / 3));
        var random = new byte[500];
        new Random(1).NextBytes(random);
        Assert.That(packer.Keep(Key, random).Footprint, Is.EqualTo(500));
        Assert.That(packer.Keep("/another/folder"u8, endpoints[0]).Footprint, Is.EqualTo(endpoints[0].Length), "it has its own pattern");
    }

    [Test]
    public void Many_folders_are_forgotten_and_their_values_stay()
    {
        var packer = new ValuePacker();
        var values = Enumerable.Range(0, 1000).Select(i => Encoding.UTF8.GetBytes(Endpoint(i))).ToArray();
        var kept = values.Select((value, i) => packer.Keep(Encoding.UTF8.GetBytes($"/folder{i % 500}/x"), value)).ToArray();
        Assert.That(kept.Select(k => k.ToArray()), Is.EqualTo(values));
    }

    private static string Endpoint(int i) => $$"""
        {"apiVersion":"projectcalico.org/v3","kind":"WorkloadEndpoint",
        "metadata":{"name":"worker--{{i}}-k8s-service--{{i / 50}}-eth0","namespace":"team-{{i % 20}}","uid":"{{i:x8}}-aaaa",
        "labels":{"app":"service-{{i / 50}}","tier":"backend","projectcalico.org/namespace":"team-{{i % 20}}",
        "projectcalico.org/orchestrator":"k8s","projectcalico.org/serviceaccount":"default"} },
        "spec":{"orchestrator":"k8s","node":"worker-{{i}}","pod":"service-{{i / 50}}-{{i:x5}}","endpoint":"eth0",
        "containerID":"{{i:x64}}","interfaceName":"cali{{i:x11}}","mac":"ee:ee:ee:ee:ee:ee",
        "ipNetworks":["10.128.{{i / 256}}.{{i % 256}}/32"],"profiles":["kns.team-{{i % 20}}","ksa.team-{{i % 20}}.default"]} }
        """;
}
