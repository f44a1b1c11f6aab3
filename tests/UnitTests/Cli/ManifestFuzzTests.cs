using NUnit.Framework;
using NUnit.Framework.Internal;

namespace Calico.UnitTests.Cli;

/// <summary>Manifests that are damaged, hostile or merely odd: an answer and exit code 1, never an exception.</summary>
[TestFixture]
public sealed class ManifestFuzzTests
{
    private const string Sample = """
        apiVersion: projectcalico.org/v3
        kind: GlobalNetworkPolicy
        metadata: {name: a, labels: {x: "y"}, annotations: {k: v}, creationTimestamp: "2026-01-02T03:04:05Z"}
        spec:
          order: 10
          tier: default
          selector: has(a)
          types: [Ingress]
          ingress:
          - action: Allow
            protocol: TCP
            icmp: {type: 1}
            source: {nets: [10.0.0.0/8], ports: [80, "90:100", http]}
            http: {methods: [GET], paths: [{exact: /a}]}
        ---
        apiVersion: projectcalico.org/v3
        kind: IPPool
        metadata: {name: p}
        spec: {cidr: 10.0.0.0/16, blockSize: 26, natOutgoing: true}
        """;

    private static readonly string[] Odd =
    [
        "1e400", "-1e400", ".inf", "-.inf", ".nan", "99999999999999999999999", "-0", "0x7f", "1.5", "~", "true", "[]", "{}", "\"\"",
            "\"\\ud800\"", "\"\\0\"", "*a", "&a x",
        "!!binary aGk=", "[[[[[]]]]]", "{a: {b: {c: d}}}", "\"2026-99-99\"", "? x", "| \n   text", "'", "\t",
    ];

    [TestCase("1e400")]
    [TestCase("-1e999")]
    [TestCase(".inf")]
    public async Task C1_an_order_beyond_all_numbers_is_refused_by_its_field(string order)
    {
        var run = new CliRun();
        var text = Sample.Replace("order: 10", $"order: {order}", StringComparison.Ordinal);
        Assert.That(await run.RunAsync(text, "validate", "-f", "-"), Is.EqualTo(1));
        Assert.That(run.Error, Does.Contain("order").And.Not.Contain("Exception"));
    }

    [Test]
    public async Task C1_no_manifest_however_damaged_is_more_than_refused()
    {
        var random = new Random(TestContext.CurrentContext.Random.Next());
        for (var i = 0; i < 400; i++)
        {
            var text = Damage(random);
            var run = new CliRun();
            try
            {
                var code = await run.RunAsync(text, i % 2 == 0 ? "validate" : "apply", "-f", "-");
                Assert.That(code is 0 or 1, $"exit code {code}\n{text}");
            }
            catch (Exception e) when (e is not NUnitException)
            {
                Assert.Fail($"{e.GetType().Name}: {e.Message}\n{text}\n{e.StackTrace}");
            }

            Assert.That(run.Error, Does.Not.Contain("   at "), text);
        }
    }

    private static string Damage(Random random)
    {
        var lines = Sample.Split('\n');
        for (var n = random.Next(1, 4); n > 0; n--)
        {
            ref var line = ref lines[random.Next(lines.Length)];
            var colon = line.LastIndexOf(": ", StringComparison.Ordinal);
            line = random.Next(8) switch
            {
                0 when line.Length > 0 => line[..random.Next(line.Length)],
                1 when line.Length > 0 => line.Insert(random.Next(line.Length), ((char)random.Next(9, 0xd800)).ToString()),
                2 => "  " + line,
                _ when colon >= 0 => $"{line[..colon]}: {Odd[random.Next(Odd.Length)]}",
                _ => line,
            };
        }

        return string.Join('\n', lines);
    }
}
