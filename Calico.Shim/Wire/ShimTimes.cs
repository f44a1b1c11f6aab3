using System.Globalization;

namespace Calico.Shim.Wire;

/// <summary>What a call took before the host had it. It travels among the request's variables: a host that does not know it does not mind,
/// and a shim that does not tell it is served as well.</summary>
/// <param name="Start">Processor time from exec to the program's first line: the runtime's own start.</param>
/// <param name="Begun">The monotonic clock at the first line, nanoseconds.</param>
/// <param name="Sent">The same when the request was made.</param>
internal readonly record struct ShimTimes(TimeSpan Start, long Begun, long Sent)
{
    public const string Variable = "CALICO_SHIM_TIMES";

    /// <summary>Longer than a shim lives: its clock is another's, as in a container with a time namespace.</summary>
    private const long Most = 600_000_000_000;

    public string Text => string.Create(CultureInfo.InvariantCulture, $"{Start.Ticks * 100} {Begun} {Sent}");

    /// <param name="text">What the shim told; null: nothing.</param>
    /// <param name="now">This side's monotonic clock, nanoseconds.</param>
    /// <param name="times">The processor time, begun to sent, and sent to now.</param>
    /// <returns>False: it told nothing, or nothing that can be.</returns>
    public static bool TryRead(string? text, long now, out (TimeSpan Start, TimeSpan Own, TimeSpan HandOver) times)
    {
        times = default;
        if (text?.Split(' ') is not [var first, var second, var third] || !TryParse(first, out var start)
            || !TryParse(second, out var begun)
            || !TryParse(third, out var sent) || start > Most || begun > sent || sent - begun > Most || sent > now || now - sent > Most)
        {
            return false;
        }

        times = (Nanoseconds(start), Nanoseconds(sent - begun), Nanoseconds(now - sent));
        return true;
    }

    private static bool TryParse(string text, out long number) =>
        long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out number);

    private static TimeSpan Nanoseconds(long value) => TimeSpan.FromTicks(value / 100);
}
