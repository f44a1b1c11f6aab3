using System.Globalization;
using System.Text;

namespace Calico.Datastore.Output;

/// <summary>Text for terminals and logs: control characters that came with a stored value or a caller's input are shown, not obeyed.
/// </summary>
/// <remarks>Shown as <c>\u001b</c>, which JSON and quoted YAML read back as the same text. Line feeds and tabs pass: they are ours; where a
/// value stands in a line, <see cref="Line"/> shows its own. Also shown are the characters that turn the direction of text, with which a
/// name can be made to look like another. Not safe for several threads; <see cref="Console"/>'s writers are synchronised round it.
/// </remarks>
/// <param name="inner">Where to.</param>
/// <param name="flushedFirst">Flushed before anything is written: what was said before must be read before.</param>
public sealed class EscapingWriter(TextWriter inner, TextWriter? flushedFirst = null) : TextWriter(CultureInfo.InvariantCulture)
{
    public override Encoding Encoding => inner.Encoding;

    /// <summary>A text with every control character shown, line feeds and tabs too.</summary>
    public static string Line(string text) => text.AsSpan().ContainsAnyInRange('\0', '\u001f') || text.Any(IsControl)
        ? string.Concat(text.Select(c => IsControl(c) || c is '\n' or '\t' ? Shown(c) : c.ToString())) : text;

    /// <summary>Whether a text has characters that would be shown.</summary>
    public static bool HasControl(string text) => text.Any(IsControl);

    public override void Write(char value) => Write([value]);

    public override void Write(string? value) => Write(value.AsSpan());

    public override void Write(char[] buffer, int index, int count) => Write(buffer.AsSpan(index, count));

    public override void Write(ReadOnlySpan<char> buffer)
    {
        flushedFirst?.Flush();
        while (true)
        {
            var at = 0;
            while (at < buffer.Length && !IsControl(buffer[at]))
            {
                at++;
            }

            inner.Write(buffer[..at]);
            if (at == buffer.Length)
            {
                return;
            }

            inner.Write(Shown(buffer[at]));
            buffer = buffer[(at + 1)..];
        }
    }

    public override void WriteLine(string? value)
    {
        Write(value.AsSpan());
        inner.Write(inner.NewLine);
    }

    public override Task WriteAsync(string? value)
    {
        Write(value.AsSpan());
        return Task.CompletedTask;
    }

    public override Task WriteLineAsync(string? value)
    {
        WriteLine(value);
        return Task.CompletedTask;
    }

    public override void Flush() => inner.Flush();

    public override Task FlushAsync() => inner.FlushAsync();

    // C0 but line feed and tab, DEL, C1; line and paragraph separators; marks, embeddings, overrides and isolates of direction.
    private static bool IsControl(char c) => c switch
    {
        '\n' or '\t' => false,
        < ' ' => true,
        < '\u007f' => false,
        <= '\u009f' => true,
        '\u061c' or '\u200e' or '\u200f' => true,
        >= '\u2028' and <= '\u202e' => true,
        >= '\u2066' and <= '\u2069' => true,
        _ => false,
    };

    private static string Shown(char c) => string.Create(CultureInfo.InvariantCulture, $"\\u{(int)c:x4}");
}
