/** Korean particles follow the last sound of the word before them, which in a text may be filled in. Pure; no page. */

// What is written in a text -> after a closing consonant, after a vowel
const PAIRS = { '은(는)': '은는', '이(가)': '이가', '을(를)': '을를', '과(와)': '과와' };
const TO = '(으)로'; // after ㄹ, too, it is 로
const PARTICLE = /(은\(는\)|이\(가\)|을\(를\)|과\(와\)|\(으\)로)/gu;
const [FIRST, LAST, FINALS, L] = [0xac00, 0xd7a3, 28, 8]; // of the syllables; ㄹ is the eighth final consonant
// digits and Latin letters as they are read: 0 영 1 일 3 삼 6 육 7 칠 8 팔, l 엘 m 엠 n 엔 r 알; others end in a vowel
const READ = { 0: 21, 1: L, 3: 16, 6: 1, 7: L, 8: L, l: L, m: 16, n: 4, r: L };
const WORDS = /(input|output|dropout|net)$/i; // read as words, 인풋, not letter by letter
const ASIDE = /\s*\([^()]*\)$/; // in brackets: the particle belongs to the word before them

/** The final consonant of the last sound, 0 to 27 as Unicode counts them; 0 is a vowel.
 * @param {string} text that ends in the word
 */
export function finalOf(text) {
  if (WORDS.test(text)) return 19; // ㅅ
  const last = text.slice(-1).toLowerCase() || ' ';
  const code = last.charCodeAt(0);
  return code >= FIRST && code <= LAST ? (code - FIRST) % FINALS : (READ[last] ?? 0);
}

/** A text with its particles: "pool4은(는)" becomes "pool4는", "pool3은(는)" becomes "pool3은".
 * @param {string} text
 */
export function withParticles(text) {
  return text.replace(PARTICLE, (particle, _, at) => {
    const final = finalOf(text.slice(0, at).replace(ASIDE, '').replace(/[^\p{L}\p{N}%]+$/u, ''));
    if (particle === TO) return final && final !== L ? '으로' : '로';
    return PAIRS[particle][final ? 0 : 1];
  });
}
