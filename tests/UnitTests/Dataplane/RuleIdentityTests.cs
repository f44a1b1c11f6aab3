using Calico.Dataplane.Translation;
using Calico.Linux.Nftables;
using NUnit.Framework;

namespace Calico.UnitTests.Dataplane;

/// <summary>A rule's comment begins with a hash of ours, whatever somebody's tier or policy is called.</summary>
[TestFixture]
public sealed class RuleIdentityTests
{
    [TestCase("cali:x")]
    [TestCase("cali:AAAAAAAAAAAA tier")]
    public void Words_that_look_like_a_mark_are_words(string words)
    {
        var text = words + new string('y', 200);
        var first = RuleIdentity.Mark(new RuleBuilder().Jump("a", text)).Comment!;
        var second = RuleIdentity.Mark(new RuleBuilder().Jump("b", text)).Comment!;
        Assert.That(first, Does.Match($"^cali:[A-Za-z0-9_-]{{12}} _{words}y+$"));
        Assert.That(first, Has.Length.LessThanOrEqualTo(127));
        Assert.That(second, Is.Not.EqualTo(first), "another content");
    }

    [Test]
    public void A_marked_rule_stays_as_it_is()
    {
        var marked = RuleIdentity.Mark(NftRule.Of(Verdict.Drop) with { Comment = "words" });
        Assert.That(RuleIdentity.Mark(marked), Is.SameAs(marked));
    }
}
