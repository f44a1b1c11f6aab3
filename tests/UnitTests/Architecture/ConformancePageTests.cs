using System.Reflection;
using Calico.TestKit.Hosts;
using Calico.TestKit.Workloads;
using NUnit.Framework;
using NUnit.Framework.Interfaces;

namespace Calico.UnitTests.Architecture;

/// <summary>The page that says in words what the conformance suite checks is the suite.</summary>
public sealed class ConformancePageTests
{
    [Test]
    public void Each_promise_of_the_page_is_a_test_and_each_test_is_on_the_page()
    {
        var tests = typeof(AdapterConformance).GetMethods(BindingFlags.Public | BindingFlags.Instance)
            .Where(m => m.GetCustomAttributes().Any(a => a is ITestBuilder or ISimpleTestBuilder)).Select(m => m.Name.Replace('_', ' '));
        var page = File.ReadLines(Path.Combine(Repository.Root, "docs", "conformance.md"))
            .Where(l => l.StartsWith("- ", StringComparison.Ordinal)).Select(l => l[2..]);
        Assert.That(page, Is.EquivalentTo(tests));
    }
}
