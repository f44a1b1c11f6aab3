using System.Text.RegularExpressions;
using Calico.Datastore.Resources;
using Calico.Datastore.Resources.Formats;
using NUnit.Framework;

namespace Calico.UnitTests.Resources;

/// <summary>What is read character by character takes what the patterns take, of which it is the short form.</summary>
[TestFixture]
public sealed partial class NameCharactersTests
{
    private const string Alphabet = "az09.-_AZ/ é\n";

    [Test]
    public void Names_are_taken_as_the_patterns_take_them()
    {
        foreach (var text in Texts())
        {
            Assert.That(NameCharacters.IsSubdomain(text), Is.EqualTo(Subdomain().IsMatch(text)), $"subdomain: \"{text}\"");
            var isContainer = Container().IsMatch(text);
            Assert.That(NameFormats.ContainerId(text) is null, Is.EqualTo(isContainer), $"container: \"{text}\"");
            var isValue = text.Length == 0 || Qualified().IsMatch(text);
            Assert.That(NameFormats.LabelValue(text) is null, Is.EqualTo(isValue), $"value: \"{text}\"");
            var isInterface = Interface().IsMatch(text);
            Assert.That(NameFormats.Interface(text) is null, Is.EqualTo(isInterface), $"interface: \"{text}\"");
        }

        Assert.That(NameFormats.Interface(new('a', 15)), Is.Null);
        Assert.That(NameFormats.Interface(new('a', 16)), Is.Not.Null);
    }

    [Test]
    public void A_key_is_known_as_a_resources_own_without_being_made()
    {
        foreach (var kind in Kinds.Table)
        {
            var key = kind.Key("ns", "a.b");
            var own = kind.Path(key);
            var other = kind.Path(kind.Key("n", "a.b"));
            foreach (var path in (string[])[own, other, own + "c", own[..^1], kind.Path(kind.Key("ns", "x.b")), "/calico/x", ""])
            {
                Assert.That(ResourceKinds.All.IsKeyOf(key, path), Is.EqualTo(path == own), $"{key} at \"{path}\"");
            }
        }

        var block = Kinds.IpamBlock.Key("10.0.0.0/26");
        Assert.That(ResourceKinds.All.IsKeyOf(block, ResourceKinds.All.KeyOf(block)!));
    }

    /// <summary>All up to a length.</summary>
    private static IEnumerable<string> Texts()
    {
        var last = new List<string> { "" };
        for (var length = 0; length <= 4; length++)
        {
            foreach (var text in last)
            {
                yield return text;
            }

            last = [.. last.SelectMany(text => Alphabet.Select(character => text + character))];
        }
    }

    [GeneratedRegex(@"\A[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*\z")]
    private static partial Regex Subdomain();

    [GeneratedRegex(@"\A[a-zA-Z0-9]([-a-zA-Z0-9]*[a-zA-Z0-9])?\z")]
    private static partial Regex Container();

    [GeneratedRegex(@"\A[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?\z")]
    private static partial Regex Qualified();

    [GeneratedRegex(@"\A[a-zA-Z0-9_.-]{1,15}\z")]
    private static partial Regex Interface();
}
