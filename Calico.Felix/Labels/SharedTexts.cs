namespace Calico.Felix.Labels;

/// <summary>One instance of each text that comes again and again: keys and values of labels, names of profiles.</summary>
/// <remarks>Forgets all when it is full: what comes later is then held twice, which costs memory and changes nothing.</remarks>
internal sealed class SharedTexts
{
    private const int Most = 1 << 16;

    private readonly HashSet<string> _texts = new(StringComparer.Ordinal);

    public string Share(string text)
    {
        if (_texts.TryGetValue(text, out var shared))
        {
            return shared;
        }

        if (_texts.Count == Most)
        {
            _texts.Clear();
        }

        _texts.Add(text);
        return text;
    }
}
