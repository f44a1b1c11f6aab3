using System.Globalization;

namespace Calico.TestKit;

/// <summary>How often a property is tried: as often as its test says, or the share of it that <c>CALICO_EFFORT</c> gives, in percent. For
/// whoever runs the same tests against hundreds of changes.</summary>
public static class Effort
{
    private static readonly int Percent =
        int.TryParse(Environment.GetEnvironmentVariable("CALICO_EFFORT"), NumberStyles.None, CultureInfo.InvariantCulture, out var given)
            ? Math.Clamp(given, 1, 100) : 100;

    public static int Of(int times) => Math.Max(1, times * Percent / 100);
}
