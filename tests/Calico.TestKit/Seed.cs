using System.Globalization;
using NUnit.Framework;

namespace Calico.TestKit;

/// <summary>Where a test's randomness begins. Each says it in its output; CALICO_SEED gives it again, to every test that asks here.
/// </summary>
/// <remarks>CsCheck has a seed of its own kind, which it prints with a failure and takes from <c>CsCheck_Seed</c>.</remarks>
public static class Seed
{
    private const string Variable = "CALICO_SEED";

    /// <summary>The given seed, or one that is another each time.</summary>
    public static int Next() => Say(Given ?? Environment.TickCount);

    /// <summary>The given seed, or always the same.</summary>
    public static int Or(int usual) => Say(Given ?? usual);

    private static int? Given =>
        Environment.GetEnvironmentVariable(Variable) is { Length: > 0 } text ? int.Parse(text, CultureInfo.InvariantCulture) : null;

    private static int Say(int seed)
    {
        TestContext.Out.WriteLine($"{Variable}={seed.ToString(CultureInfo.InvariantCulture)}");
        return seed;
    }
}
